package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// sluiceConn is Sluice's Upgrader: the bare connection, and a loop of the
// handler's own, which has let net/http's goroutine go. Messages over 1 KiB are
// read by a Reader into a buffer that is used again, as those of the peers are; it
// comes from a pool, as one for each connection does not stay in the processor's cache.
// Everything else is the default: UTF-8 is checked, silent clients are pinged,
// writes have a deadline.
var sluiceConn = library{
	name: "sluice Conn",
	ours: true,
	can: func(o options) bool {
		return o.App != appBroadcast && !o.Gate
	},
	open: func(o options) (service, error) {
		up := &channels.Upgrader{Compression: o.compression(), Logger: slog.New(slog.DiscardHandler)}
		serve := sluiceEcho
		switch {
		case o.App == appStream:
			serve = sluiceStream
		case o.Size > 1<<10:
			serve = sluiceEchoLarge
		}
		return handlerService(func(w http.ResponseWriter, r *http.Request) {
			if c, err := up.Upgrade(w, r); err == nil {
				go serve(c)
			}
		})
	},
}

func sluiceEcho(c *channels.Conn) {
	defer c.CloseNow()
	ctx := c.Context()
	for {
		m, err := c.Read(ctx)
		if err != nil {
			return
		}
		if err := c.Write(ctx, m); err != nil {
			return
		}
	}
}

var sluiceBuffers = sync.Pool{New: func() any { return new([]byte) }}

func sluiceEchoLarge(c *channels.Conn) {
	defer c.CloseNow()
	ctx := c.Context()
	for {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		buf := sluiceBuffers.Get().(*[]byte)
		if *buf, err = readAll(*buf, r); err != nil {
			return
		}
		if err := c.Write(ctx, channels.Message{Type: typ, Data: *buf}); err != nil {
			return
		}
		sluiceBuffers.Put(buf)
	}
}

func sluiceStream(c *channels.Conn) {
	defer c.CloseNow()
	ctx := c.Context()
	for {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		w, err := c.Writer(ctx, typ)
		if err != nil {
			return
		}
		if _, err := io.Copy(w, r); err != nil {
			return
		}
		if err := w.Close(); err != nil {
			return
		}
	}
}

// compression returns what the mode is called by Sluice.
func (o options) compression() channels.Compression {
	switch o.Deflate {
	case deflateMessage:
		return channels.Compression{Mode: channels.NoContextTakeover}
	case deflateTakeover:
		return channels.Compression{Mode: channels.ContextTakeover}
	}
	return channels.Compression{}
}

// sluiceServer is Sluice as it is meant to be used: a Server with a consumer for
// each connection, which borrows its messages, with the defaults of everything
// else; for broadcast a group. Where memory is measured no connection is parked:
// that is sluiceParked.
var sluiceServer = library{
	name: "sluice Server",
	ours: true,
	can:  func(o options) bool { return o.App != appStream },
	open: func(o options) (service, error) {
		srv := new(channels.Server)
		if o.Idle {
			srv.Park = -1
		}
		return consumers(srv, o)
	},
}

// sluiceReceive is the same Server with a consumer that keeps what it receives, which
// costs one allocation for each message.
var sluiceReceive = library{
	name: "sluice Receive",
	ours: true,
	can:  func(o options) bool { return o.App == appEcho && o.Deflate == deflateOff },
	open: func(options) (service, error) {
		srv := &channels.Server{Logger: slog.New(slog.DiscardHandler)}
		return service{handler: srv.Handler(channels.Consume(func() sluiceKeeper { return sluiceKeeper{} }))}, nil
	},
}

type sluiceKeeper struct{}

func (sluiceKeeper) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// sluiceParked is the same Server with its idle connections parked. After the default of Server.Park each would hold as much: it is short
// here so that nobody has to wait.
var sluiceParked = library{
	name:  "sluice parked",
	ours:  true,
	parks: true,
	can:   func(o options) bool { return o.Idle },
	open: func(o options) (service, error) {
		return consumers(&channels.Server{Park: 100 * time.Millisecond}, o)
	},
}

// consumers has a server do what the options say.
func consumers(srv *channels.Server, o options) (service, error) {
	srv.Logger = slog.New(slog.DiscardHandler)
	srv.Upgrader.Compression = o.compression()
	switch {
	case o.Gate:
		return gated(srv)
	case o.App == appBroadcast:
		if o.Stuck {
			srv.Slow = channels.DropOldest
			srv.Upgrader.WriteTimeout = -1 // or it would be closed
		}
		return service{handler: srv.Handler(channels.ConsumeBorrowed(func() *sluiceMember {
			return &sluiceMember{srv, o.Burst}
		}))}, nil
	}
	return service{handler: srv.Handler(channels.ConsumeBorrowed(func() sluiceEchoer { return sluiceEchoer{} }))}, nil
}

type sluiceEchoer struct{}

func (sluiceEchoer) ReceiveBorrowed(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// sluiceMember publishes what it receives to the group that every socket is in.
type sluiceMember struct {
	srv   *channels.Server
	burst int
}

const everybody = "everybody"

func (m *sluiceMember) Connect(ctx context.Context, s *channels.Socket) error {
	if s.Scope().Path() == stuckPath {
		if err := fillQueue(ctx, s); err != nil {
			return err
		}
	}
	return s.Join(ctx, everybody)
}

// fillQueue sends until messages are dropped: the client does not read.
func fillQueue(ctx context.Context, s *channels.Socket) error {
	m := channels.Message{Type: channels.TextMessage, Data: make([]byte, 64<<10)}
	for s.Dropped() == 0 {
		if err := s.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (m *sluiceMember) ReceiveBorrowed(ctx context.Context, s *channels.Socket, msg channels.Message) error {
	for range m.burst {
		if err := m.srv.Broadcast(ctx, everybody, msg); err != nil {
			return err
		}
	}
	return nil
}
