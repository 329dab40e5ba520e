package main

import (
	"compress/flate"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// gobwas/ws, as its README has it.
//
//   - echo, stream: the lower-level example: a Reader and a Writer of wsutil that
//     are used again; it reads from the bufio.Reader that UpgradeHTTP returns
//     (one system call where the example needs three), and its Writer has room
//     for the message, up to 64 KiB (one write, no fragment).
//   - idle: the first example, which holds no buffer between messages.
//   - broadcast: CompileFrame once, then a write to each connection in turn, with
//     a deadline, as in the authors' chat example.
//   - deflate: the README's wsutil and wsflate readers and writers, with
//     compress/flate at the level 1 that the other libraries choose; there is no
//     context takeover.
var gobwasLibrary = library{
	name: "gobwas",
	peer: true,
	can:  func(o options) bool { return o.Deflate != deflateTakeover && !o.Gate },
	open: func(o options) (service, error) {
		var serve func(conn net.Conn, from io.Reader)
		switch {
		case o.App == appHandshake, o.App == appIdle && o.Deflate == deflateOff:
			serve = func(conn net.Conn, _ io.Reader) { gobwasIdle(conn) }
		case o.App == appBroadcast:
			serve = (&gobwasHub{burst: o.Burst}).serve
		case o.Deflate == deflateMessage:
			serve = gobwasDeflate
		default:
			size := min(max(o.Size, wsutil.DefaultWriteBuffer), 64<<10)
			serve = func(conn net.Conn, from io.Reader) { gobwasEcho(conn, from, size) }
		}
		return handlerService(func(w http.ResponseWriter, r *http.Request) {
			up := ws.HTTPUpgrader{}
			if o.Deflate == deflateMessage {
				up.Negotiate = (&wsflate.Extension{Parameters: wsflate.DefaultParameters}).Negotiate
			}
			conn, rw, _, err := up.Upgrade(r, w)
			if err == nil {
				go serve(conn, rw.Reader)
			}
		})
	},
}

// gobwasRawLibrary is the package's "much more efficient way", the zero-copy
// upgrade of a connection without net/http: no peer for what serves HTTP too,
// but a mark to measure against.
var gobwasRawLibrary = library{
	name: "gobwas raw",
	can: func(o options) bool {
		return (o.App == appIdle || o.App == appHandshake) && o.Deflate == deflateOff && !o.Gate
	},
	open: func(options) (service, error) {
		return service{conn: func(conn net.Conn) {
			if _, err := ws.Upgrade(conn); err != nil {
				conn.Close()
				return
			}
			gobwasIdle(conn)
		}}, nil
	},
}

func gobwasIdle(conn net.Conn) {
	defer conn.Close()
	for {
		msg, op, err := wsutil.ReadClientData(conn)
		if err != nil {
			return
		}
		if err := wsutil.WriteServerMessage(conn, op, msg); err != nil {
			return
		}
	}
}

func gobwasEcho(conn net.Conn, from io.Reader, size int) {
	defer conn.Close()
	control := wsutil.ControlFrameHandler(conn, ws.StateServerSide)
	reader := wsutil.NewReader(from, ws.StateServerSide)
	reader.OnIntermediate = control
	writer := wsutil.NewWriterSize(conn, ws.StateServerSide, ws.OpText, size)
	for {
		header, err := reader.NextFrame()
		if err != nil {
			return
		}
		if header.OpCode.IsControl() {
			if control(header, reader) != nil {
				return
			}
			continue
		}
		writer.ResetOp(header.OpCode)
		if _, err := io.Copy(writer, reader); err != nil {
			return
		}
		if err := writer.Flush(); err != nil {
			return
		}
	}
}

func gobwasDeflate(conn net.Conn, from io.Reader) {
	defer conn.Close()
	var msg wsflate.MessageState
	control := wsutil.ControlFrameHandler(conn, ws.StateServerSide)
	reader := &wsutil.Reader{
		Source:         from,
		State:          ws.StateServerSide | ws.StateExtended,
		Extensions:     []wsutil.RecvExtension{&msg},
		OnIntermediate: control,
	}
	writer := wsutil.NewWriter(conn, ws.StateServerSide|ws.StateExtended, ws.OpText)
	writer.SetExtensions(&msg)
	inflate := wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	deflate := wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // the level is valid
		return f
	})
	for {
		header, err := reader.NextFrame()
		if err != nil {
			return
		}
		if header.OpCode.IsControl() {
			if control(header, reader) != nil {
				return
			}
			continue
		}
		writer.ResetOp(header.OpCode)
		inflate.Reset(reader)
		deflate.Reset(writer)
		if _, err := io.Copy(deflate, inflate); err != nil {
			return
		}
		if err := deflate.Close(); err != nil {
			return
		}
		if err := writer.Flush(); err != nil {
			return
		}
	}
}

type gobwasHub struct {
	burst int

	mu    sync.Mutex // guards users, and is held while they are written to
	users map[net.Conn]struct{}
}

func (h *gobwasHub) serve(conn net.Conn, _ io.Reader) {
	h.mu.Lock()
	if h.users == nil {
		h.users = make(map[net.Conn]struct{})
	}
	h.users[conn] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.users, conn)
		h.mu.Unlock()
		conn.Close()
	}()
	for {
		msg, op, err := wsutil.ReadClientData(conn)
		if err != nil {
			return
		}
		for range h.burst {
			h.publish(ws.MustCompileFrame(ws.NewFrame(op, true, msg)))
		}
	}
}

func (h *gobwasHub) publish(frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.users {
		conn.SetWriteDeadline(time.Now().Add(writeWait))
		conn.Write(frame) // a user who has gone is found by the reader
	}
}
