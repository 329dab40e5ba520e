package main

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// gorilla/websocket, as its package comment and its chat example have it.
//
//   - echo: NextReader into a buffer that is used again, then WriteMessage, which
//     the package calls its fast path with no allocations; net/http's 4 KiB
//     buffers, which a zero Upgrader reuses, or buffers of the message's size up
//     to 8 KiB ("limit the buffer sizes to the maximum expected message size").
//     ReadMessage and larger buffers were measured, and are slower.
//   - idle: 1 KiB to read as in the chat example, a WriteBufferPool, and the loop
//     in a new goroutine ("allow collection of memory referenced by the caller").
//   - broadcast: the chat example's hub with a PreparedMessage.
//   - deflate: EnableCompression; there is no context takeover.
var gorillaLibrary = library{
	name: "gorilla",
	peer: true,
	can:  func(o options) bool { return o.Deflate != deflateTakeover && !o.Gate },
	open: func(o options) (service, error) {
		up := &websocket.Upgrader{EnableCompression: o.Deflate != deflateOff}
		if o.Size > 4096-14 && o.Size <= 8192 {
			up.ReadBufferSize = o.Size + 14
			up.WriteBufferSize = up.ReadBufferSize
		}
		switch o.App {
		case appIdle:
			up.ReadBufferSize = 1024
			up.WriteBufferPool = new(sync.Pool)
		case appBroadcast:
			up.ReadBufferSize, up.WriteBufferSize = 1024, 1024
		}
		serve := gorillaEcho
		switch o.App {
		case appStream:
			serve = gorillaStream
		case appBroadcast:
			serve = newGorillaHub(o.Burst).serve
		}
		return handlerService(func(w http.ResponseWriter, r *http.Request) {
			if c, err := up.Upgrade(w, r, nil); err == nil {
				go serve(c)
			}
		})
	},
}

func gorillaEcho(c *websocket.Conn) {
	defer c.Close()
	var buf []byte
	for {
		typ, r, err := c.NextReader()
		if err != nil {
			return
		}
		if buf, err = readAll(buf, r); err != nil {
			return
		}
		if err := c.WriteMessage(typ, buf); err != nil {
			return
		}
	}
}

func gorillaStream(c *websocket.Conn) {
	defer c.Close()
	for {
		typ, r, err := c.NextReader()
		if err != nil {
			return
		}
		w, err := c.NextWriter(typ)
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

// gorillaHub is the hub of the chat example: it owns the set of clients, and
// each client has a goroutine that reads and one that writes from a channel.
type gorillaHub struct {
	burst      int
	clients    map[*gorillaClient]bool
	broadcast  chan *websocket.PreparedMessage
	register   chan *gorillaClient
	unregister chan *gorillaClient
}

type gorillaClient struct {
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
}

func newGorillaHub(burst int) *gorillaHub {
	h := &gorillaHub{
		burst:      burst,
		clients:    make(map[*gorillaClient]bool),
		broadcast:  make(chan *websocket.PreparedMessage),
		register:   make(chan *gorillaClient),
		unregister: make(chan *gorillaClient),
	}
	go h.run() // until the process ends
	return h
}

func (h *gorillaHub) run() {
	for {
		select {
		case c := <-h.register:
			h.clients[c] = true
		case c := <-h.unregister:
			if h.clients[c] {
				delete(h.clients, c)
				close(c.send)
			}
		case m := <-h.broadcast:
			for c := range h.clients {
				select {
				case c.send <- m:
				default:
					close(c.send)
					delete(h.clients, c)
				}
			}
		}
	}
}

func (h *gorillaHub) serve(conn *websocket.Conn) {
	c := &gorillaClient{conn, make(chan *websocket.PreparedMessage, 256)}
	h.register <- c
	go c.write()
	defer func() {
		h.unregister <- c
		conn.Close()
	}()
	for {
		typ, p, err := conn.ReadMessage()
		if err != nil {
			return
		}
		for range h.burst {
			m, err := websocket.NewPreparedMessage(typ, p)
			if err != nil {
				return
			}
			h.broadcast <- m
		}
	}
}

func (c *gorillaClient) write() {
	defer c.conn.Close()
	for m := range c.send {
		c.conn.SetWriteDeadline(time.Now().Add(writeWait))
		if err := c.conn.WritePreparedMessage(m); err != nil {
			return
		}
	}
}
