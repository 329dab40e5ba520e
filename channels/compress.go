package channels

import (
	"errors"
	"math"
	"sync"

	"github.com/sluicehq/sluice/channels/internal/deflate"
	"github.com/sluicehq/sluice/channels/internal/frame"
	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// Compression is how messages are compressed, by permessage-deflate (RFC 7692). The
// zero value does not compress: compression costs CPU, and where secrets and what
// an attacker chose share a message its size tells about the secrets.
type Compression struct {
	// Mode says whether messages are compressed, and what is kept for it. A peer
	// that does not offer, or does not accept, the extension is served without.
	Mode CompressionMode

	// Threshold is the size, in bytes, from which a message is compressed. Default
	// 256; negative compresses all.
	Threshold int
}

// A CompressionMode says what a connection keeps between compressed messages.
type CompressionMode int

const (
	// NoCompression negotiates nothing.
	NoCompression CompressionMode = iota

	// NoContextTakeover compresses each message by itself: a connection keeps
	// nothing.
	NoContextTakeover

	// ContextTakeover lets messages refer to those before them, which makes small
	// ones that are alike much smaller. A connection keeps up to 4 KiB for each
	// direction: windows are negotiated to be no larger. A client that cannot limit
	// its own window is asked to keep none.
	ContextTakeover
)

const (
	defaultThreshold = 256

	// takeoverBits is the size of the windows that are kept, 4 KiB: on JSON messages
	// of 1 KB, 32 KiB would compress them by a tenth more.
	takeoverBits = 12
)

func (z Compression) validate() error {
	if z.Mode < NoCompression || z.Mode > ContextTakeover {
		return errors.New("channels: Compression.Mode is none of NoCompression, NoContextTakeover and ContextTakeover")
	}
	return nil
}

func (z Compression) takeover() bool { return z.Mode == ContextTakeover }

// accept answers a client's offers, the lines of Sec-WebSocket-Extensions.
func (z Compression) accept(lines []string) (*flate, string, error) {
	if len(lines) == 0 {
		return nil, "", nil
	}
	offers, err := handshake.Extensions(lines)
	if err != nil || z.Mode == NoCompression {
		return nil, "", err
	}
	d, response, ok := handshake.AcceptDeflate(offers, z.takeover(), takeoverBits)
	if !ok {
		return nil, "", nil
	}
	f := z.newFlate()
	f.out = deflate.Window{Bits: uint8(d.ServerBits), Takeover: !d.ServerNoTakeover}
	f.in = deflate.Window{Bits: uint8(d.ClientBits), Takeover: !d.ClientNoTakeover}
	return f, response, nil
}

// offer returns what a client offers.
func (z Compression) offer() string {
	if z.Mode == NoCompression {
		return ""
	}
	return handshake.OfferDeflate(z.takeover(), takeoverBits)
}

// agreed checks a server's response to the offer.
func (z Compression) agreed(lines []string) (*flate, error) {
	switch {
	case len(lines) == 0:
		return nil, nil
	case z.Mode == NoCompression:
		return nil, errors.New("the response has an extension that was not offered")
	}
	d, err := handshake.CheckDeflate(lines, z.takeover(), takeoverBits)
	if err != nil {
		return nil, err
	}
	f := z.newFlate()
	f.out = deflate.Window{Bits: uint8(d.ClientBits), Takeover: !d.ClientNoTakeover}
	f.in = deflate.Window{Bits: uint8(d.ServerBits), Takeover: !d.ServerNoTakeover}
	return f, nil
}

// flate is a connection's compression. What is sent is compressed in the order in
// which it is written, by whoever has the right to write; what is received, by the
// reader.
type flate struct {
	threshold int
	out, in   deflate.Window

	inflated int // how long the last message was, once inflated

	ahead  *deflate.Reader // looks at an unfinished text; nil when there is none
	looked int             // how much of in.body it has seen
	stream *deflate.Reader // of the message that is read in pieces; nil when there is none
}

func (z Compression) newFlate() *flate {
	return &flate{threshold: orDefault(z.Threshold, defaultThreshold)}
}

// compress returns data compressed, in a buffer that the caller puts back, or false
// when it would not be smaller.
func (f *flate) compress(data []byte) (*buffer, bool) {
	b := getWriteBuffer()
	var ok bool
	b.b, ok = deflate.TryCompress(b.b, data, &f.out)
	return b, ok
}

// inflate returns the message whose compressed payload has come whole. It lies in
// in.body.
func (c *Conn) inflate(payload []byte) ([]byte, error) {
	in := &c.in
	c.flate.endLook()
	out := growMessage(nil, min(max(4*len(payload), c.flate.inflated), 1<<maxMessageClass))
	data, err := deflate.Decompress(out.b, payload, c.inflatedLimit(), &c.flate.in)
	if in.body != nil {
		putMessage(in.body)
	}
	if cap(data) != cap(out.b) { // it was too small: the next one will not be
		putMessage(out)
		out = new(buffer)
	}
	out.b, c.flate.inflated = data, len(data)
	in.body = out
	if err != nil {
		return nil, c.failInflate(err)
	}
	return data, nil
}

// packedLimit is how many bytes a compressed message may come in that inflates to at
// most limit: what does not compress grows, by 5 bytes for each stored block, which
// are as short as 128 bytes where zlib is told to use little memory (Chromium's have
// 16 KiB), and for each fragment that is flushed.
func packedLimit(limit int64) int64 {
	return limit + min(limit/16+5*defaultFragments, math.MaxInt64-limit)
}

// inflatedLimit is how many bytes a message may inflate to.
func (c *Conn) inflatedLimit() int {
	if size := c.messageSize(); size > 0 {
		return int(min(size, math.MaxInt))
	}
	return math.MaxInt
}

func (c *Conn) failInflate(err error) error {
	if errors.Is(err, deflate.ErrTooLarge) {
		return c.failRead(StatusMessageTooBig, "message too big")
	}
	return c.failRead(StatusInvalidPayload, "invalid compressed data")
}

// lookAhead checks what has come of a compressed text whose end has to be waited
// for. It inflates it in a fixed room and keeps nothing, so that a peer cannot make
// this side hold more than it has sent; the message is inflated once more when it
// is complete.
func (c *Conn) lookAhead() error {
	in, f := &c.in, c.flate
	if !in.compressed || in.typ != TextMessage {
		return nil
	}
	if f.ahead == nil {
		f.ahead, f.looked = deflate.NewReader(nil, c.inflatedLimit(), &f.in), 0
	}
	valid := true
	err := f.ahead.Feed(in.soFar()[f.looked:], func(p []byte) { valid = in.utf8.Write(p) })
	f.looked = len(in.soFar())
	if err == nil && valid {
		return nil
	}
	f.endLook()
	// RFC 6455, Section 8.1: as for text that is not compressed.
	if !valid {
		return c.failRead(StatusInvalidPayload, "invalid UTF-8")
	}
	return c.failInflate(err)
}

func (f *flate) endLook() {
	if f.ahead != nil {
		f.ahead.Close()
		f.ahead = nil
	}
}

// A prepared message is one that many sockets get: framed once, and compressed once
// for each size of window that they have.
type prepared struct {
	m     Message
	frame []byte

	mu       sync.Mutex // guards deflated
	deflated [16][]byte // by window bits: the frame, or empty when it is not smaller
}

func prepare(m Message) *prepared {
	h := frame.Header{Fin: true, Opcode: byte(m.Type), Length: int64(len(m.Data))}
	b := frame.Append(make([]byte, 0, len(m.Data)+frame.MaxHeader), &h)
	return &prepared{m: m, frame: append(b, m.Data...)}
}

// frameFor returns the frame as conn gets it, for reading only. The caller has the
// right to write to conn.
func (p *prepared) frameFor(conn *Conn) []byte {
	f := conn.flate
	if f == nil || len(p.m.Data) < f.threshold {
		return p.frame
	}
	b := p.compressed(f.out.Bits)
	if len(b) == 0 {
		return p.frame
	}
	f.out.Add(p.m.Data) // what follows may refer to it
	return b
}

func (p *prepared) compressed(bits uint8) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deflated[bits] != nil {
		return p.deflated[bits]
	}
	z := getWriteBuffer()
	defer putWriteBuffer(z)
	z.b = deflate.Compress(z.b, p.m.Data, &deflate.Window{Bits: bits})
	b := []byte{}
	if len(z.b) < len(p.m.Data) {
		h := frame.Header{Fin: true, RSV: frame.RSV1, Opcode: byte(p.m.Type), Length: int64(len(z.b))}
		b = append(frame.Append(make([]byte, 0, len(z.b)+frame.MaxHeader), &h), z.b...)
	}
	p.deflated[bits] = b
	return b
}
