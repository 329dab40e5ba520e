package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// coder/websocket, as its README and its chat example have it.
//
//   - echo: Reader into a buffer that is used again, as its wsjson does, then
//     Write; a context without end, as the README advises against the request's.
//   - idle: the loop in a new goroutine, which costs less than in the handler.
//   - broadcast: the chat example: a channel and a goroutine per subscriber, a
//     write with a timeout.
//   - deflate: CompressionNoContextTakeover, CompressionContextTakeover.
var coderLibrary = library{
	name: "coder",
	peer: true,
	can:  func(o options) bool { return !o.Gate },
	open: func(o options) (service, error) {
		accept := &websocket.AcceptOptions{}
		switch o.Deflate {
		case deflateMessage:
			accept.CompressionMode = websocket.CompressionNoContextTakeover
		case deflateTakeover:
			accept.CompressionMode = websocket.CompressionContextTakeover
		}
		serve := coderEcho
		switch o.App {
		case appStream:
			serve = coderStream
		case appBroadcast:
			serve = (&coderHub{burst: o.Burst}).serve
		}
		return handlerService(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, accept)
			if err != nil {
				return
			}
			c.SetReadLimit(int64(o.Size) + 1)
			go serve(c)
		})
	},
}

func coderEcho(c *websocket.Conn) {
	defer c.CloseNow()
	ctx := context.Background()
	var buf []byte
	for {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		if buf, err = readAll(buf, r); err != nil {
			return
		}
		if err := c.Write(ctx, typ, buf); err != nil {
			return
		}
	}
}

func coderStream(c *websocket.Conn) {
	defer c.CloseNow()
	ctx := context.Background()
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

type coderHub struct {
	burst       int
	mu          sync.Mutex // guards subscribers
	subscribers map[*coderSubscriber]struct{}
}

type coderSubscriber struct {
	msgs chan []byte
	conn *websocket.Conn
}

func (h *coderHub) serve(c *websocket.Conn) {
	s := &coderSubscriber{make(chan []byte, 256), c}
	h.mu.Lock()
	if h.subscribers == nil {
		h.subscribers = make(map[*coderSubscriber]struct{})
	}
	h.subscribers[s] = struct{}{}
	h.mu.Unlock()
	done := make(chan struct{})
	go s.write(done)
	defer func() {
		h.mu.Lock()
		delete(h.subscribers, s)
		h.mu.Unlock()
		close(done)
		c.CloseNow()
	}()
	for {
		_, p, err := c.Read(context.Background())
		if err != nil {
			return
		}
		for range h.burst {
			h.publish(p)
		}
	}
}

func (h *coderHub) publish(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		select {
		case s.msgs <- p:
		default:
			go s.conn.Close(websocket.StatusPolicyViolation, "too slow")
		}
	}
}

func (s *coderSubscriber) write(done chan struct{}) {
	for {
		select {
		case p := <-s.msgs:
			if s.writeTimeout(p) != nil {
				return
			}
		case <-done:
			return
		}
	}
}

func (s *coderSubscriber) writeTimeout(p []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, p)
}
