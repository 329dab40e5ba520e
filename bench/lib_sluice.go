package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/sluicehq/sluice/channels"
)

// sluiceConn is Sluice's Upgrader: the bare connection, and a loop of the
// handler's own, which has let net/http's goroutine go. Messages over 1 KiB are
// read by a Reader into a buffer that is used again, as those of the peers are.
// Everything else is the default: UTF-8 is checked, silent clients are pinged,
// writes have a deadline.
var sluiceConn = library{
	name: "sluice Conn",
	ours: true,
	can: func(o options) bool {
		return o.App != appBroadcast && o.Deflate == deflateOff && !o.Gate
	},
	open: func(o options) (service, error) {
		up := &channels.Upgrader{Logger: slog.New(slog.DiscardHandler)}
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

func sluiceEchoLarge(c *channels.Conn) {
	defer c.CloseNow()
	ctx := c.Context()
	var buf []byte
	for {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		if buf, err = readAll(buf, r); err != nil {
			return
		}
		if err := c.Write(ctx, channels.Message{Type: typ, Data: buf}); err != nil {
			return
		}
	}
}

func sluiceStream(c *channels.Conn) {
	defer c.CloseNow()
	ctx := c.Context()
	buf := make([]byte, 32<<10)
	for {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		w, err := c.Writer(ctx, typ)
		if err != nil {
			return
		}
		if _, err := io.CopyBuffer(w, r, buf); err != nil {
			return
		}
		if err := w.Close(); err != nil {
			return
		}
	}
}

// sluiceServer is Sluice as it is meant to be used: a Server with a consumer for
// each connection, which borrows its messages, with the defaults of everything
// else; for broadcast a group.
var sluiceServer = library{
	name: "sluice Server",
	ours: true,
	can: func(o options) bool {
		return o.App != appStream && o.Deflate == deflateOff
	},
	open: func(o options) (service, error) {
		srv := &channels.Server{Logger: slog.New(slog.DiscardHandler)}
		if o.Gate {
			return gated(srv)
		}
		if o.App == appBroadcast {
			return service{handler: srv.Handler(channels.ConsumeBorrowed(func() *sluiceMember {
				return &sluiceMember{srv, o.Burst}
			}))}, nil
		}
		return service{handler: srv.Handler(channels.ConsumeBorrowed(func() sluiceEchoer { return sluiceEchoer{} }))}, nil
	},
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
	return s.Join(ctx, everybody)
}

func (m *sluiceMember) ReceiveBorrowed(ctx context.Context, s *channels.Socket, msg channels.Message) error {
	for range m.burst {
		if err := m.srv.Broadcast(ctx, everybody, msg); err != nil {
			return err
		}
	}
	return nil
}
