package channels

import (
	"context"

	"github.com/sluicehq/sluice/channels/internal/frame"
)

// appendFrame appends the frame of a message to b.
func (c *Conn) appendFrame(b []byte, m Message) []byte {
	h := frame.Header{Fin: true, Opcode: byte(m.Type), Length: int64(len(m.Data))}
	if c.flate != nil && len(m.Data) >= c.flate.threshold {
		z, compressed := c.flate.compress(m.Data)
		if compressed {
			h.RSV, h.Length = frame.RSV1, int64(len(z.b))
			b = append(frame.Append(b, &h), z.b...)
			putWriteBuffer(z)
			return b
		}
		putWriteBuffer(z)
	}
	return append(frame.Append(b, &h), m.Data...)
}

// sendNow writes one message for its sender, who has become the writer and
// holds the right to write. What the socket does not take at once is copied and left to a
// goroutine.
func (q *outbox) sendNow(m Message) error {
	conn := q.s.conn
	if conn.ending.Load() || len(m.Data) > together {
		return q.sendLarge(m)
	}
	wb := getWriteBuffer()
	wb.b = conn.appendFrame(wb.b, m)
	n, err := conn.rawWrite(wb.b, false)
	if err != nil || n < len(wb.b) {
		return q.notSent(wb, n, nil, err)
	}
	putWriteBuffer(wb)
	conn.unlockWrite()
	q.writeDone()
	return nil
}

// sendLarge is sendNow for a large message, or for a connection that is ending.
//
//go:noinline
func (q *outbox) sendLarge(m Message) error {
	conn := q.s.conn
	if conn.ending.Load() {
		conn.unlockWrite()
		q.writeDone()
		return conn.ended()
	}
	wb := getWriteBuffer()
	var direct []byte
	wb.b, direct = conn.appendHead(wb.b, m)
	n, err := conn.rawWrite(wb.b, false)
	if err == nil && n == len(wb.b) && len(direct) > 0 {
		var d int
		d, err = conn.rawWrite(direct, false)
		direct = direct[d:]
	}
	if err != nil || n < len(wb.b) || len(direct) > 0 {
		return q.notSent(wb, n, direct, err)
	}
	putWriteBuffer(wb)
	conn.unlockWrite()
	q.writeDone()
	return nil
}

// notSent goes on after a write that took only n bytes of wb, or failed.
//
//go:noinline
func (q *outbox) notSent(wb *buffer, n int, direct []byte, err error) error {
	defer putWriteBuffer(wb)
	conn := q.s.conn
	if err != nil {
		conn.unlockWrite()
		err = conn.failWrite(err)
		q.writeDone()
		return err
	}
	rest := growMessage(nil, len(wb.b)-n+len(direct))
	rest.b = append(append(rest.b, wb.b[n:]...), direct...)
	go q.drainRest(rest) // ends when all is written; finish waits for it
	return nil
}

// appendHead appends the header of a large message and the first part of its
// payload, and returns the rest of it.
func (c *Conn) appendHead(b []byte, m Message) ([]byte, []byte) {
	h := frame.Header{Fin: true, Opcode: byte(m.Type)}
	payload := m.Data
	if c.flate != nil && len(payload) >= c.flate.threshold {
		if z, compressed := c.flate.compress(m.Data); compressed {
			h.RSV, payload = frame.RSV1, z.b // left to the collector
		}
	}
	h.Length = int64(len(payload))
	b = frame.Append(b, &h)
	n := headOf(payload)
	return append(b, payload[:n]...), payload[n:]
}

// writeDone ends the writer's turn, or goes on with what has been queued since.
func (q *outbox) writeDone() {
	q.mu.Lock()
	if q.err == nil && (q.waiting() > 0 || q.gather != nil) {
		q.mu.Unlock()
		q.drain(false)
		return
	}
	q.writing = false
	q.wakeReached()
	q.mu.Unlock()
}

// drainRest waits until rest, the end of something begun, is written, gives the right to write
// back, and writes on.
func (q *outbox) drainRest(rest *buffer) {
	conn := q.s.conn
	conn.writeBlocking(rest.b)
	putMessage(rest)
	conn.unlockWrite()
	q.drain(true)
}

// drain writes until nothing is left. The caller has made itself the writer. With
// wait it waits for the network; without, what the network does not take at once
// is left to a goroutine.
func (q *outbox) drain(wait bool) {
	if q.s.conn == nil {
		q.drainOther()
		return
	}
	conn := q.s.conn
	switch {
	case conn.tryLockWrite():
	case !wait:
		go q.drain(true) // ends when all is written; finish waits for it
		return
	default:
		conn.awaitWrite(context.Background()) // whoever writes has a deadline
	}
	for {
		q.mu.Lock()
		wb, direct := q.take()
		if wb == nil && direct == nil {
			q.writing = false
			q.wakeReached()
			q.mu.Unlock()
			conn.unlockWrite()
			return
		}
		q.wakeReached()
		owing := q.owing()
		q.mu.Unlock()
		if owing {
			q.s.tellDropped()
		}
		rest, ok := q.writeBatch(wb, direct, wait)
		if len(rest) > 0 {
			go q.drainRest(&buffer{rest})
			return
		}
		if !ok {
			q.mu.Lock()
			q.clear()
			if q.gather != nil {
				putWriteBuffer(q.gather)
				q.gather = nil
			}
			q.mu.Unlock()
		}
	}
}

// take removes from the outbox what is written next: what is gathered and as much
// of the backlog as makes one write, or one large message. Of a single prepared
// frame not even a copy is made. After the end it removes all and returns nothing.
func (q *outbox) take() (wb *buffer, direct []byte) {
	conn := q.s.conn
	wb, q.gather = q.gather, nil
	if q.err != nil || conn.ending.Load() {
		q.clear()
		if wb != nil {
			putWriteBuffer(wb)
		}
		return nil, nil
	}
	if wb == nil && q.waiting() == 1 {
		if p := q.backlog.next().prep; p != nil {
			q.pop()
			return nil, p.frameFor(conn)
		}
	}
	for q.waiting() > 0 {
		size := q.backlog.next().size() + frame.MaxHeader // a deflated one is not larger
		if wb != nil && (size > copied || len(wb.b)+size > writeBuffer) {
			break
		}
		if wb == nil {
			wb = getWriteBuffer()
		}
		o := q.pop()
		switch {
		case size > copied && o.prep != nil:
			putWriteBuffer(wb)
			return nil, o.prep.frameFor(conn)
		case size > copied:
			wb.b, direct = conn.appendHead(wb.b, o.m)
			return wb, direct
		case o.prep != nil:
			wb.b = append(wb.b, o.prep.frameFor(conn)...)
		default:
			wb.b = conn.appendFrame(wb.b, o.m)
		}
	}
	return wb, nil
}

// writeBatch writes wb and then direct. Without wait it may return a rest, which
// is nobody else's.
func (q *outbox) writeBatch(wb *buffer, direct []byte, wait bool) (rest []byte, ok bool) {
	conn := q.s.conn
	var b []byte
	if wb != nil {
		b = wb.b
		defer putWriteBuffer(wb)
	}
	if wait {
		if len(b) > 0 && conn.write(b) != nil {
			return nil, false
		}
		return nil, len(direct) == 0 || conn.write(direct) == nil
	}
	for _, part := range [...][]byte{b, direct} {
		if len(rest) > 0 {
			rest = append(rest, part...)
			continue
		}
		if len(part) == 0 {
			continue
		}
		n, err := conn.rawWrite(part, false)
		if err != nil {
			conn.failWrite(err)
			return nil, false
		}
		if n < len(part) {
			rest = append([]byte(nil), part[n:]...)
		}
	}
	return rest, true
}

// drainOther is drain for a connection that is not a WebSocket.
func (q *outbox) drainOther() {
	for {
		q.mu.Lock()
		if q.err != nil || q.waiting() == 0 {
			q.clear()
			q.writing = false
			q.wakeReached()
			q.mu.Unlock()
			return
		}
		o := q.pop()
		q.wakeReached()
		owing := q.owing()
		q.mu.Unlock()
		if owing {
			q.s.tellDropped()
		}
		if o.prep != nil {
			o.m = o.prep.m
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(q.s.Context()), q.s.srv.writeTimeout())
		err := q.s.other.mc.Write(ctx, o.m)
		cancel()
		if err != nil {
			q.s.end(lost("write", err), false)
			continue
		}
		q.s.sent.add(len(o.m.Data))
	}
}
