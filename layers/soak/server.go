package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/channels"
	natslayer "github.com/sluicehq/sluice/layers/nats"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

// A told is a line of JSON that a server process prints.
type told struct {
	Addr   string    `json:",omitempty"` // where it listens, when it does
	Before *leftover `json:",omitempty"` // counted before anything was opened
	Ready  *leftover `json:",omitempty"` // after the first socket has come and gone
	Idle   *leftover `json:",omitempty"` // after the last one, when it is asked
	After  *leftover `json:",omitempty"` // when all is closed
}

func tell(t told) {
	b, _ := json.Marshal(t)
	fmt.Printf("%s\n", b)
}

// serverMain is a server process: "server LAYER ADDRESS". It ends, in good order, at
// SIGTERM and when its standard input does.
func serverMain(args []string) int {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	asked := make(chan struct{})
	go func() { // ends with the process
		defer stop()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			asked <- struct{}{}
		}
	}()
	if err := serve(ctx, args[0], args[1], asked); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		return 1
	}
	return 0
}

// A closer is a layer, which also ends.
type closer interface {
	channels.Layer
	Close() error
}

// connect tries until the broker can be reached.
func connect(ctx context.Context, layer, addr string) (closer, error) {
	for {
		var l closer
		var err error
		switch layer {
		case "nats":
			l, err = natslayer.Connect("nats://"+addr, nil)
		case "redis":
			l, err = redislayer.Connect("redis://"+addr, nil)
		default:
			return nil, fmt.Errorf("unknown layer %q", layer)
		}
		if err == nil {
			return l, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
}

func serve(ctx context.Context, layer, addr string, asked <-chan struct{}) error {
	if err := warm(); err != nil {
		return err
	}
	before := count()
	l, err := connect(ctx, layer, addr)
	if err != nil {
		return err
	}
	srv := &channels.Server{Layer: l, DrainWindow: 2 * time.Second, Park: park}
	hs := &http.Server{Handler: srv.Handler(channels.Consume(func() *member { return &member{srv} }))}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- hs.Serve(listener) }() // ended by ShutdownAll
	if err := greet(ctx, srv, "ws://"+listener.Addr().String()); err != nil {
		return err
	}
	ready := count()
	tell(told{Addr: listener.Addr().String(), Before: &before, Ready: &ready})
	for ctx.Err() == nil {
		select {
		case <-asked:
			idle := settled(ready)
			if idle.over(ready) {
				explain()
			}
			tell(told{Idle: &idle})
		case <-ctx.Done():
		}
	}
	end, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	err = errors.Join(channels.ShutdownAll(end, hs, srv), l.Close())
	if e := <-served; e != http.ErrServerClosed {
		err = errors.Join(err, e)
	}
	after := settled(before)
	if after.over(before) {
		explain()
	}
	tell(told{After: &after})
	return err
}

// park is short, so that many sockets are parked and come back.
const park = 500 * time.Millisecond

// warm has the runtime open what it keeps for good.
func warm() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return listener.Close()
}

// greet is a client that comes, joins a group, is idle until its socket is parked, and
// goes: from then on the server has all that it keeps for sockets.
func greet(ctx context.Context, srv *channels.Server, url string) error {
	conn, _, err := channels.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, channels.Text("join first")); err != nil {
		return err
	}
	if _, err := conn.Read(ctx); err != nil {
		return err
	}
	time.Sleep(3 * park)
	if err := conn.Close(channels.StatusNormalClosure, ""); err != nil {
		return err
	}
	for range srv.Sockets() {
		time.Sleep(200 * time.Millisecond)
	}
	return nil
}

// A member is a client at the server. It is told
//
//	join GROUP              and answers "joined GROUP" or "failed GROUP"
//	leave GROUP             "left GROUP"
//	say GROUP STREAM N      "taken GROUP STREAM N" or "refused GROUP STREAM N"
//
// and sends "msg GROUP STREAM N" for what is said in its groups, and "gap GROUP".
type member struct{ srv *channels.Server }

func (m *member) Receive(ctx context.Context, s *channels.Socket, msg channels.Message) error {
	verb, rest, _ := strings.Cut(string(msg.Data), " ")
	group, _, _ := strings.Cut(rest, " ")
	answer, failed := "", ""
	var err error
	switch verb {
	case "join":
		answer, failed = "joined ", "failed "
		err = s.Join(ctx, group)
	case "leave":
		answer, failed = "left ", "left "
		err = s.Leave(ctx, group)
	case "say":
		answer, failed = "taken ", "refused "
		err = m.srv.Broadcast(ctx, group, channels.Text("msg "+rest))
	default:
		return channels.Closef(channels.StatusInvalidPayload, "no such verb")
	}
	if err != nil {
		answer = failed
	}
	return s.Send(ctx, channels.Text(answer+rest))
}

func (m *member) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	if e.Type != channels.EventGap {
		return nil
	}
	return s.Send(ctx, channels.Text("gap "+e.Group))
}
