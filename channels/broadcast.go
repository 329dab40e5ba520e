package channels

import (
	"context"
	"errors"
	"fmt"
)

// Broadcast sends a message to the clients of a group, on every process. It is
// framed, and compressed, once. m.Data is not kept. It does not wait for any
// socket; nobody in the group is no error.
func (srv *Server) Broadcast(ctx context.Context, group string, m Message) error {
	if !validGroup(group) {
		return errGroupName
	}
	if m.Type != TextMessage && m.Type != BinaryMessage {
		return fmt.Errorf("channels: broadcast: %v", m.Type)
	}
	if srv.Layer == nil {
		if g := srv.lookup(group); g != nil {
			m.Data = append([]byte(nil), m.Data...)
			g.broadcast(m)
		}
		return nil
	}
	srv.init()
	b := make([]byte, 1, 1+len(m.Data))
	b[0] = byte(m.Type)
	return srv.publish(ctx, groupTopic(group), append(b, m.Data...))
}

// Notify sends an event to the consumers of a group, on every process: to those
// that are an [EventReceiver]. It does not wait for them; nobody in the group is
// no error.
func (srv *Server) Notify(ctx context.Context, group string, e Event) error {
	if !validGroup(group) {
		return errGroupName
	}
	if len(e.Type) == 0 || len(e.Type) > 255 || e.Type == EventGap {
		return errors.New("channels: an event's type is 1 to 255 bytes, and not EventGap")
	}
	if srv.Layer == nil {
		if g := srv.lookup(group); g != nil {
			e.Data = append([]byte(nil), e.Data...)
			g.notify(e)
		}
		return nil
	}
	srv.init()
	b := append(make([]byte, 0, 2+len(e.Type)+len(e.Data)), layerEvent, byte(len(e.Type)))
	return srv.publish(ctx, groupTopic(group), append(append(b, e.Type...), e.Data...))
}

func (srv *Server) publish(ctx context.Context, topic string, b []byte) error {
	if err := srv.Layer.Publish(ctx, topic, b); err != nil {
		return fmt.Errorf("channels: publish to the layer: %w", err)
	}
	return nil
}

// A message on a group's topic is one byte, the type of a broadcast or layerEvent,
// and what follows it: the payload, or the event's type with a byte for its length,
// and the event's data.
const layerEvent = 'e'

func groupTopic(name string) string { return "group:" + name }

// deliver takes a message of the group's topic from the layer.
func (g *group) deliver(b []byte) {
	switch {
	case len(b) >= 1 && (b[0] == byte(TextMessage) || b[0] == byte(BinaryMessage)):
		g.broadcast(Message{MessageType(b[0]), b[1:]})
	case len(b) >= 2 && b[0] == layerEvent && len(b) >= 2+int(b[1]):
		n := 2 + int(b[1])
		g.notify(Event{Type: string(b[2:n]), Data: b[n:]})
	}
}

// gap tells the members that the layer may have lost something.
func (g *group) gap() {
	g.notify(Event{Type: EventGap})
	if g.srv.Gap != nil {
		g.srv.Gap(g.name)
	}
}

// broadcast queues m at every member in this process and has them flushed.
func (g *group) broadcast(m Message) {
	sockets := g.sockets()
	if len(sockets) == 0 {
		return
	}
	p := prepare(m)
	flush := make([]*Socket, 0, len(sockets))
	for _, s := range sockets {
		if s.out.deliver(p) {
			flush = append(flush, s)
		}
	}
	if len(flush) > 0 {
		flush[0].srv.flushLater(flush...)
	}
}

func (g *group) notify(e Event) {
	e.Group = g.name
	for _, s := range g.sockets() {
		s.post(e)
	}
}
