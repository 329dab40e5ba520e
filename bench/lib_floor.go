package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"net"
	"sync"
)

// The floor is the least that a Go program with a net.Conn can do for this work:
// no check, no timeout, no control frame, one known kind of message. Nobody
// would run it; it shows what is left to gain. It comes with one write per
// message, and with one write for all that has been read.
var (
	floorEach     = floorLibrary("floor", false)
	floorGathered = floorLibrary("gathered", true)
)

func floorLibrary(name string, gather bool) library {
	return library{
		name: name,
		can: func(o options) bool {
			if o.Deflate != deflateOff || o.App == appStream || o.Gate {
				return false
			}
			return !gather || o.App == appEcho || o.App == appBroadcast
		},
		open: func(o options) (service, error) {
			f := &floor{gather: gather, burst: o.Burst}
			switch o.App {
			case appIdle, appHandshake:
				return service{conn: f.serveIdle}, nil
			case appBroadcast:
				return service{conn: f.serveBroadcast}, nil
			}
			return service{conn: f.serveEcho}, nil
		},
	}
}

type floor struct {
	gather bool
	burst  int

	mu      sync.Mutex // guards members, and is held while they are written to
	members map[net.Conn]struct{}
}

func (f *floor) serveEcho(nc net.Conn) {
	defer nc.Close()
	if floorHandshake(nc) != nil {
		return
	}
	in := floorInput{buf: make([]byte, 4096)}
	var out []byte
	for {
		b, err := in.fill(nc)
		if err != nil {
			return
		}
		out = out[:0]
		for {
			reply, size := nextReply(b)
			if reply == nil {
				break
			}
			b = b[size:]
			if f.gather {
				out = append(out, reply...)
			} else if _, err := nc.Write(reply); err != nil {
				return
			}
		}
		if len(out) > 0 {
			if _, err := nc.Write(out); err != nil {
				return
			}
		}
		in.keep(b)
	}
}

// serveIdle waits in 14 bytes, the longest header, and takes a buffer from a pool
// for the rest of what has come. After TLS it does so in a new goroutine: the
// handshake has made the stack of the first one grow to 8 KiB.
func (f *floor) serveIdle(nc net.Conn) {
	if floorHandshake(nc) != nil {
		nc.Close()
		return
	}
	if _, ok := nc.(*tls.Conn); ok {
		go waitIdle(nc)
		return
	}
	waitIdle(nc)
}

func waitIdle(nc net.Conn) {
	defer nc.Close()
	var head [14]byte
	for {
		n, err := nc.Read(head[:])
		if err != nil || serveOne(nc, head[:n]) != nil {
			return
		}
	}
}

var floorPool = sync.Pool{New: func() any { return new([4096]byte) }}

func serveOne(nc net.Conn, head []byte) error {
	buf := floorPool.Get().(*[4096]byte)
	defer floorPool.Put(buf)
	n := copy(buf[:], head)
	for {
		if reply, _ := nextReply(buf[:n]); reply != nil {
			_, err := nc.Write(reply)
			return err
		}
		m, err := nc.Read(buf[n:])
		if err != nil {
			return err
		}
		n += m
	}
}

func (f *floor) serveBroadcast(nc net.Conn) {
	defer nc.Close()
	if floorHandshake(nc) != nil {
		return
	}
	in := floorInput{buf: make([]byte, 4096)}
	f.mu.Lock()
	if f.members == nil {
		f.members = make(map[net.Conn]struct{})
	}
	f.members[nc] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.members, nc)
	}()
	for {
		b, err := in.fill(nc)
		if err != nil {
			return
		}
		for {
			reply, size := nextReply(b)
			if reply == nil {
				break
			}
			b = b[size:]
			f.broadcast(reply)
		}
		in.keep(b)
	}
}

func (f *floor) broadcast(frame []byte) {
	times := f.burst
	if f.gather {
		frame = bytes.Repeat(frame, f.burst)
		times = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for range times {
		for nc := range f.members {
			nc.Write(frame) // a member that has gone is found by its reader
		}
	}
}

// floorInput is what has been read and not been answered.
type floorInput struct {
	buf []byte
	n   int
}

// fill reads once, after what is kept, and returns all there is.
func (in *floorInput) fill(nc net.Conn) ([]byte, error) {
	if in.n == len(in.buf) {
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	n, err := nc.Read(in.buf[in.n:])
	in.n += n
	return in.buf[:in.n], err
}

func (in *floorInput) keep(rest []byte) { in.n = copy(in.buf, rest) }

func floorHandshake(nc net.Conn) error {
	buf := floorPool.Get().(*[4096]byte)
	defer floorPool.Put(buf)
	n := 0
	for !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
		m, err := nc.Read(buf[n:])
		if err != nil {
			return err
		}
		n += m
	}
	_, rest, _ := bytes.Cut(buf[:n], []byte("Sec-WebSocket-Key: "))
	key, _, _ := bytes.Cut(rest, []byte("\r\n"))
	var seed [64]byte
	sum := sha1.Sum(append(append(seed[:0], key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	b := append(buf[:0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = base64.StdEncoding.AppendEncode(b, sum[:])
	b = append(b, "\r\n\r\n"...)
	_, err := nc.Write(b)
	return err
}

// nextReply unmasks the first frame of b in its place and writes the header of
// the same message from a server just before the payload. It returns this reply
// and the size of what it answers, or nil when the frame is not there as a whole.
func nextReply(b []byte) (reply []byte, size int) {
	if len(b) < 6 {
		return nil, 0
	}
	n, head := int(b[1]&0x7f), 2
	switch n {
	case 126:
		head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 10 {
			return nil, 0
		}
		head, n = 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	if len(b) < head+4+n {
		return nil, 0
	}
	key := [4]byte(b[head:])
	payload := b[head+4 : head+4+n]
	floorUnmask(payload, key)
	copy(b[4:], b[:head])
	b[5] &^= maskBit
	return b[4 : head+4+n], head + 4 + n
}

func floorUnmask(p []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(p) >= 32 {
		q := p[:32]
		binary.LittleEndian.PutUint64(q[0:], binary.LittleEndian.Uint64(q[0:])^k)
		binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^k)
		binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^k)
		binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^k)
		p = p[32:]
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
}
