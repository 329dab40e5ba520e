package channels

import (
	"context"
	"errors"
	"strings"
)

// Broadcast sends a message to the clients of a group, on every process. It is
// framed, and compressed, once. m.Data is not kept. It does not wait for any
// socket; nobody in the group is no error. With a [Layer] an error means that it may
// not have been published, the group learns of a gap then, and a message is at most
// 1 MiB less 18 bytes.
func (srv *Server) Broadcast(ctx context.Context, group string, m Message) error {
	if !validGroup(group) {
		return errGroupName
	}
	if err := m.Type.check(); err != nil {
		return err
	}
	if srv.Layer == nil {
		if g := srv.lookup(group); g != nil {
			m.Data = append([]byte(nil), m.Data...)
			g.broadcast(m)
		}
		return nil
	}
	kind := byte(kindText)
	if m.Type == BinaryMessage {
		kind = kindBinary
	}
	return srv.publish(ctx, groupTopic(group), append(newEnvelope(kind, len(m.Data)), m.Data...))
}

// Notify sends an event to the consumers of a group, on every process: to those
// that are an [EventReceiver]. It does not wait for them; nobody in the group is
// no error. With a Layer the same holds as for Broadcast.
func (srv *Server) Notify(ctx context.Context, group string, e Event) error {
	if !validGroup(group) {
		return errGroupName
	}
	if len(e.Type) == 0 || len(e.Type) > 255 || strings.HasPrefix(e.Type, reservedEvents) {
		return errors.New("channels: an event's type is 1 to 255 bytes; those with " + reservedEvents + " in front are taken")
	}
	if srv.Layer == nil {
		if g := srv.lookup(group); g != nil {
			e.Data = append([]byte(nil), e.Data...)
			g.notify(e)
		}
		return nil
	}
	b := appendPrefixed(newEnvelope(kindEvent, 1+len(e.Type)+len(e.Data)), e.Type)
	return srv.publish(ctx, groupTopic(group), append(b, e.Data...))
}

// take takes a message of the group's topic.
func (g *group) take(kind byte, body []byte) {
	switch kind {
	case kindText:
		g.broadcast(Message{TextMessage, body})
	case kindBinary:
		g.broadcast(Message{BinaryMessage, body})
	case kindEvent:
		if typ, data, ok := cutPrefixed(body); ok {
			g.notify(Event{Type: typ, Data: data})
		}
	}
}

// gap tells the members that n messages have not arrived, or that some may not have.
func (g *group) gap(n int) {
	g.notify(Event{Type: EventGap, Missed: n})
	g.srv.gap(g.name, n)
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
