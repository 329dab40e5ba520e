package conform_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"unicode/utf8"
)

// A refEndpoint is one connection of a refServer, or of a refClient.
type refEndpoint struct {
	*refServer
	conn   net.Conn
	in     *bufio.Reader
	client bool
	keys   uint32 // counts the masking keys of a client

	deflate bool
	pack    *packer

	begun      bool // a message has begun
	op         byte
	compressed bool
	message    []byte
	rune       []byte // the beginning of a rune, at the end of what has come
	late       [][]byte
}

// A failure closes the connection with its code.
type failure struct {
	code   uint16
	reason string
}

func (f *failure) Error() string { return fmt.Sprint(f.code, " ", f.reason) }

// A header is what a frame begins with.
type header struct {
	fin    bool
	rsv    byte
	op     byte
	masked bool
	key    [4]byte
	form   int
	length uint64
}

func (h header) control() bool { return h.op&8 != 0 }

// serve echoes until the connection ends.
func (e *refEndpoint) serve() {
	for {
		done, err := e.frame()
		if f, ok := err.(*failure); ok {
			e.fail(f)
			return
		}
		if err != nil {
			return
		}
		if done {
			if !e.has("leaves the connection open after the closing handshake") {
				ending(e.conn)
			} else {
				io.Copy(io.Discard, e.in)
			}
			return
		}
	}
}

// fail is "Fail the WebSocket Connection" (RFC 6455, Section 7.1.7).
func (e *refEndpoint) fail(f *failure) {
	code := f.code
	switch {
	case e.has("fails with 1002 for everything"):
		code = 1002
	case e.has("fails with 1008 for everything"):
		code = 1008
	}
	if !e.has("fails without a close frame") {
		e.write(0x88, append(binary.BigEndian.AppendUint16(nil, code), f.reason...))
	}
	if e.has("goes on after a failure") {
		for {
			if done, err := e.frame(); done || err != nil {
				break
			}
		}
	}
	ending(e.conn)
}

// frame reads and handles one frame.
func (e *refEndpoint) frame() (done bool, err error) {
	h, err := e.header()
	if err != nil {
		return false, err
	}
	if err := e.check(h); err != nil {
		return false, err
	}
	if h.control() {
		payload := make([]byte, h.length)
		if _, err := io.ReadFull(e.in, payload); err != nil {
			return false, err
		}
		unmask(payload, h, 0)
		return e.control(h.op, payload)
	}
	return false, e.data(h)
}

func (e *refEndpoint) header() (header, error) {
	var b [8]byte
	if _, err := io.ReadFull(e.in, b[:2]); err != nil {
		return header{}, err
	}
	h := header{fin: b[0]&0x80 != 0, rsv: b[0] >> 4 & 7, op: b[0] & 15, masked: b[1]&0x80 != 0, form: 7, length: uint64(b[1] & 0x7F)}
	switch h.length {
	case 126:
		h.form = 16
		if _, err := io.ReadFull(e.in, b[:2]); err != nil {
			return h, err
		}
		h.length = uint64(binary.BigEndian.Uint16(b[:2]))
	case 127:
		h.form = 64
		if _, err := io.ReadFull(e.in, b[:8]); err != nil {
			return h, err
		}
		h.length = binary.BigEndian.Uint64(b[:8])
	}
	if h.masked {
		if _, err := io.ReadFull(e.in, h.key[:]); err != nil {
			return h, err
		}
	}
	return h, nil
}

// check has all rules about a frame's header.
func (e *refEndpoint) check(h header) error {
	rsv := h.rsv
	if e.deflate && (h.op == 1 || h.op == 2) ||
		e.has("accepts RSV1 on continuations") && h.op == 0 && e.deflate ||
		e.has("accepts RSV1 on control frames") && h.control() && e.deflate {
		rsv &^= 4
	}
	if e.has("accepts RSV1 always") {
		rsv &^= 4
	}
	switch {
	case rsv != 0 && !e.has("accepts reserved bits"):
		return &failure{1002, "reserved bits"}
	case (h.op > 2 && h.op < 8 || h.op > 10) && !e.has("accepts reserved opcodes"):
		return &failure{1002, "reserved opcode"}
	case h.masked == e.client && !e.has("accepts frames of either masking"):
		return &failure{1002, "masking"}
	case (h.form == 16 && h.length < 126 || h.form == 64 && h.length < 1<<16) && !e.has("accepts lengths that are not minimal"):
		return &failure{1002, "length that is not minimal"}
	case h.length>>63 != 0 && !e.has("takes the most significant bit for a length"):
		return &failure{1002, "length with the most significant bit"}
	case h.control() && !h.fin && !e.has("accepts fragmented control frames"):
		return &failure{1002, "fragmented control frame"}
	case h.control() && h.length > 125 && !(e.has("accepts long control frames") && h.length < 1<<17):
		return &failure{1002, "long control frame"}
	case h.op == 0 && !e.begun && !e.has("accepts continuations of nothing"):
		return &failure{1002, "continuation of nothing"}
	case (h.op == 1 || h.op == 2) && e.begun && !e.has("accepts a new message within a message"):
		return &failure{1002, "message within a message"}
	case h.control() || h.length <= uint64(e.limit-len(e.message)) || h.length < 1<<32 && h.rsv&4 != 0:
		return nil // what is compressed is measured later
	case e.has("has a limit for frames, not for messages") && h.length <= uint64(e.limit):
		return nil
	case e.has("has a limit one byte too high") && h.length == uint64(e.limit-len(e.message))+1:
		return nil
	case e.has("waits for the payload that is too big"):
		io.CopyN(io.Discard, e.in, int64(h.length&^(1<<63)))
	}
	return &failure{1009, "message too big"}
}

// unmask applies the key to a part of a payload that begins at an offset.
func unmask(b []byte, h header, at int) {
	for i := range b {
		b[i] ^= h.key[(at+i)%4]
	}
}

// data handles a frame of a message.
func (e *refEndpoint) data(h header) error {
	if h.op != 0 {
		e.op, e.compressed = h.op, h.rsv&4 != 0 && e.deflate
		e.message, e.rune = nil, nil
	}
	e.begun = true
	b := make([]byte, 4096)
	for at := 0; uint64(at) < h.length; {
		n, err := e.in.Read(b[:min(uint64(len(b)), h.length-uint64(at))])
		if err != nil {
			return err
		}
		if e.has("unmasks each piece from the first octet of the key") {
			unmask(b[:n], h, 0)
		} else {
			unmask(b[:n], h, at)
		}
		at += n
		if err := e.payload(b[:n], uint64(at) == h.length); err != nil {
			return err
		}
	}
	if e.has("checks the UTF-8 of each fragment by itself") && len(e.rune) > 0 {
		return &failure{1007, "text that ends within a rune"}
	}
	if !h.fin {
		return nil
	}
	e.begun = false
	return e.echo()
}

// payload takes a part of a message.
func (e *refEndpoint) payload(b []byte, endOfFrame bool) error {
	e.message = append(e.message, b...)
	if e.op == 1 && e.compressed && endOfFrame && len(e.message) < 1000 && !e.checksWhole() && !utf8Begins(e.unpackBeginning()) {
		return &failure{1007, "compressed text that is not UTF-8"}
	}
	if e.op != 1 || e.compressed ||
		e.has("does not check UTF-8") || e.has("checks UTF-8 of whole messages") {
		return nil
	}
	e.rune = append(e.rune, b...)
	if e.has("checks UTF-8 of whole frames") && !endOfFrame {
		return nil
	}
	e.rune = append([]byte(nil), e.restOfRune(e.rune)...)
	if len(e.rune) >= utf8.UTFMax || len(e.rune) > 0 && utf8.FullRune(e.rune) {
		return &failure{1007, "text that is not UTF-8"}
	}
	return nil
}

// checksWhole reports whether compressed text is checked when it is complete, or
// never.
func (e *refEndpoint) checksWhole() bool {
	return e.has("checks UTF-8 of whole messages") || e.has("does not check UTF-8") || e.has("does not check the UTF-8 of compressed text")
}

// utf8Begins reports whether b can become UTF-8.
func utf8Begins(b []byte) bool {
	for len(b) > 0 && utf8.FullRune(b) {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		b = b[n:]
	}
	return true
}

// restOfRune returns b without the runes that it begins with.
func (e *refEndpoint) restOfRune(b []byte) []byte {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			if n = e.tolerated(b); n == 0 {
				break
			}
		}
		b = b[n:]
	}
	return b
}

// tolerated is the length of what b begins with that is not UTF-8 and that a
// defect lets pass.
func (e *refEndpoint) tolerated(b []byte) int {
	surrogate := len(b) >= 3 && b[0] == 0xED && b[1] >= 0xA0 && b[1] < 0xC0
	overlong := len(b) >= 2 && (b[0] == 0xC0 || b[0] == 0xC1)
	switch {
	case surrogate && e.has("accepts surrogates"):
		return 3
	case overlong && e.has("accepts overlong forms of 2 bytes"):
		return 2
	}
	return 0
}

// echo sends a whole message back.
func (e *refEndpoint) echo() error {
	data := e.message
	if e.compressed {
		var err error
		if data, err = e.unpack(data); err != nil {
			return err
		}
	}
	text := e.op == 1 && !e.has("does not check UTF-8") && !(e.compressed && e.has("does not check the UTF-8 of compressed text"))
	if text && (e.compressed || e.has("checks UTF-8 of whole messages")) && !utf8.Valid(data) {
		return &failure{1007, "text that is not UTF-8"}
	}
	if text && len(e.rune) > 0 && !e.has("accepts text that ends within a rune") {
		return &failure{1007, "text that ends within a rune"}
	}
	e.message, e.rune = nil, nil
	e.answerLate()
	return e.send(data)
}
