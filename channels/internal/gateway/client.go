package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/http2/hpack"
)

type field = hpack.HeaderField

// Frame types, flags and settings (RFC 9113, Sections 6 and 6.5.2).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameWindowUpdate = 0x8

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4

	settingWindow          = 0x4
	settingConnectProtocol = 0x8 // RFC 8441, Section 3

	maxFrame = 16 << 10
	window   = 64 << 10 // what the server may send on a stream before it is read
)

// A client is the client's side of one HTTP/2 connection.
type client struct {
	nc   net.Conn
	turn chan struct{} // one slot: who writes to nc, and uses what follows
	hbuf bytes.Buffer
	henc *hpack.Encoder
	next uint32        // the id of the next stream
	done chan struct{} // closed when read returns

	mu      sync.Mutex
	changed sync.Cond // something below has
	streams map[uint32]*stream
	quota   int  // how much the connection may still send
	initial int  // how much a stream may send
	settled bool // the server's settings have come
	allowed bool // and allow extended CONNECT
	err     error
}

// A stream is one stream of a client.
type stream struct {
	c      *client
	id     uint32
	quota  int
	fields []field
	unread []byte
	end    error // what reading ends with
}

func newClient(nc net.Conn) (*client, error) {
	c := &client{
		nc: nc, turn: make(chan struct{}, 1), next: 1, done: make(chan struct{}),
		streams: make(map[uint32]*stream), quota: 65535, initial: 65535,
	}
	c.changed.L = &c.mu
	c.henc = hpack.NewEncoder(&c.hbuf)
	hello := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	hello = appendFrame(hello, frameSettings, 0, 0, binary.BigEndian.AppendUint32([]byte{0, settingWindow}, window))
	// A stream that nobody reads is not to stop the others.
	hello = appendFrame(hello, frameWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, 1<<30))
	if _, err := nc.Write(hello); err != nil {
		return nil, err
	}
	go func() { // ends when nc is closed
		defer close(c.done)
		c.fail(c.read())
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.settled && c.err == nil {
		c.changed.Wait()
	}
	if c.err == nil && !c.allowed {
		nc.Close()
		c.err = errors.New("gateway: the server does not allow extended CONNECT (GODEBUG=http2xconnect=1)")
	}
	return c, c.err
}

func (c *client) wait() error {
	<-c.done
	return nil
}

func (c *client) write(b []byte) error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	_, err := c.nc.Write(b)
	return err
}

func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for _, s := range c.streams {
		if s.end == nil {
			s.end = err
		}
	}
	c.changed.Broadcast()
}

func appendFrame(b []byte, kind, flags byte, id uint32, payload []byte) []byte {
	n := len(payload)
	b = append(b, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	b = binary.BigEndian.AppendUint32(b, id)
	return append(b, payload...)
}

// read handles what comes from the server.
func (c *client) read() error {
	var block []field
	hdec := hpack.NewDecoder(4096, func(f hpack.HeaderField) { block = append(block, f) })
	var head [9]byte
	for {
		if _, err := io.ReadFull(c.nc, head[:]); err != nil {
			return err
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c.nc, payload); err != nil {
			return err
		}
		kind, flags, id := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		var reply []byte
		c.mu.Lock()
		s := c.streams[id]
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			for p := payload; len(p) >= 6; p = p[6:] {
				switch v := binary.BigEndian.Uint32(p[2:]); p[1] {
				case settingWindow:
					c.initial = int(v)
				case settingConnectProtocol:
					c.allowed = v == 1
				}
			}
			c.settled = true
			reply = appendFrame(nil, frameSettings, flagAck, 0, nil)
		case kind == framePing && flags&flagAck == 0:
			reply = appendFrame(nil, framePing, flagAck, 0, payload)
		case kind == frameWindowUpdate && id == 0:
			c.quota += int(binary.BigEndian.Uint32(payload))
		case s == nil:
		case kind == frameWindowUpdate:
			s.quota += int(binary.BigEndian.Uint32(payload))
		case kind == frameHeaders:
			block = nil
			if _, err := hdec.Write(payload); err != nil {
				c.mu.Unlock()
				return err
			}
			s.fields = block
		case kind == frameData:
			s.unread = append(s.unread, payload...)
		case kind == frameReset && s.end == nil:
			s.end = errors.New("gateway: the stream was reset")
		}
		if s != nil && (kind == frameData || kind == frameHeaders) && flags&flagEndStream != 0 && s.end == nil {
			s.end = io.EOF
		}
		c.changed.Broadcast()
		c.mu.Unlock()
		if reply != nil {
			if err := c.write(reply); err != nil {
				return err
			}
		}
	}
}

// connect opens a stream for r and returns it with the response's status and fields.
func (c *client) connect(r *http.Request) (*stream, int, []field, error) {
	// Header blocks, and the ids of streams, must arrive in their order.
	c.turn <- struct{}{}
	c.hbuf.Reset()
	for _, f := range requestFields(r) {
		c.henc.WriteField(f)
	}
	c.mu.Lock()
	s := &stream{c: c, id: c.next, quota: c.initial}
	c.streams[s.id] = s
	c.mu.Unlock()
	c.next += 2
	_, err := c.nc.Write(appendFrame(nil, frameHeaders, flagEndHeaders, s.id, c.hbuf.Bytes()))
	<-c.turn
	if err != nil {
		return nil, 0, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s.fields == nil && s.end == nil {
		c.changed.Wait()
	}
	if s.fields == nil {
		return nil, 0, nil, s.end
	}
	return s, statusOf(s.fields), s.fields, nil
}

func (s *stream) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	for len(s.unread) == 0 && s.end == nil {
		c.changed.Wait()
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	end := s.end
	c.mu.Unlock()
	if n == 0 {
		return 0, end
	}
	if end == nil {
		more := binary.BigEndian.AppendUint32(nil, uint32(n))
		c.write(append(appendFrame(nil, frameWindowUpdate, 0, s.id, more), appendFrame(nil, frameWindowUpdate, 0, 0, more)...))
	}
	return n, nil
}

func (s *stream) Write(p []byte) (int, error) {
	c := s.c
	sent := 0
	for sent < len(p) {
		c.mu.Lock()
		for min(c.quota, s.quota) <= 0 && s.end == nil {
			c.changed.Wait()
		}
		if s.end != nil {
			c.mu.Unlock()
			return sent, s.end
		}
		n := min(c.quota, s.quota, maxFrame, len(p)-sent)
		c.quota -= n
		s.quota -= n
		c.mu.Unlock()
		if err := c.write(appendFrame(nil, frameData, 0, s.id, p[sent:sent+n])); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// Close ends this direction of the stream.
func (s *stream) Close() error {
	return s.c.write(appendFrame(nil, frameData, flagEndStream, s.id, nil))
}
