package main

import (
	"net/http"

	"github.com/lxzan/gws"
)

// lxzan/gws, as its README and its echo and push examples have it: ReadLoop in a
// goroutine of its own ("blocking prevents the context from being GC"), messages
// handled one at a time and closed when they have been sent; a Broadcaster, which
// frames a message once; for deflate with takeover its default windows of 4 KiB.
// It has no streaming interface.
var gwsLibrary = library{
	name: "gws",
	peer: true,
	can:  func(o options) bool { return o.App != appStream && !o.Gate },
	open: func(o options) (service, error) {
		option := &gws.ServerOption{Recovery: gws.Recovery}
		if o.Deflate != deflateOff {
			takeover := o.Deflate == deflateTakeover
			option.PermessageDeflate = gws.PermessageDeflate{
				Enabled:               true,
				ServerContextTakeover: takeover,
				ClientContextTakeover: takeover,
			}
		}
		var handler gws.Event = gwsEcho{}
		if o.App == appBroadcast {
			handler = &gwsHub{burst: o.Burst, conns: gws.NewConcurrentMap[*gws.Conn, struct{}]()}
		}
		up := gws.NewUpgrader(handler, option)
		return handlerService(func(w http.ResponseWriter, r *http.Request) {
			if socket, err := up.Upgrade(w, r); err == nil {
				go socket.ReadLoop()
			}
		})
	},
}

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(socket *gws.Conn, m *gws.Message) {
	defer m.Close()
	socket.WriteMessage(m.Opcode, m.Bytes())
}

type gwsHub struct {
	gws.BuiltinEventHandler
	burst int
	conns *gws.ConcurrentMap[*gws.Conn, struct{}]
}

func (h *gwsHub) OnOpen(socket *gws.Conn) { h.conns.Store(socket, struct{}{}) }

func (h *gwsHub) OnClose(socket *gws.Conn, _ error) { h.conns.Delete(socket) }

func (h *gwsHub) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	for range h.burst {
		b := gws.NewBroadcaster(m.Opcode, m.Bytes())
		h.conns.Range(func(socket *gws.Conn, _ struct{}) bool {
			_ = b.Broadcast(socket)
			return true
		})
		b.Close()
	}
}
