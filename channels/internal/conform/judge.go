package conform

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// errSilent is returned when nothing came until the case's time was over.
var errSilent = errors.New("nothing came in time")

// A broken is the verdict on something an endpoint sent that no rule allows,
// whatever the case at hand is about.
type broken struct {
	section string
	rule    string
	got     string
}

func (b *broken) Error() string { return b.got }

func verdict(section, rule, format string, args ...any) error {
	return &broken{section, rule, fmt.Sprintf(format, args...)}
}

// judge holds a frame that the endpoint sent against everything that can be said
// of a single frame.
func (p *peer) judge(f frame) error {
	if f.rsv&(rsv2|rsv3) != 0 || f.rsv&rsv1 != 0 && p.agreed == nil {
		return verdict("5.2", "a reserved bit is 0 unless an extension defines it", "reserved bits %03b", f.rsv)
	}
	if f.rsv&rsv1 != 0 && f.op != opText && f.op != opBinary {
		return verdict("7692/6", "RSV1 is set on the first frame of a compressed message only", "RSV1 on a %s frame", f.describe())
	}
	if f.masked != (p.judged == Client) {
		return verdict("5.1", "a client masks all its frames, a server none", "a frame with MASK=%d", bit(f.masked))
	}
	if f.form != minimal(f.size()) {
		return verdict("5.2", "a length is written with as few bytes as possible", "%d written with %d bits", f.size(), f.form)
	}
	if f.masked {
		p.keys = append(p.keys, *f.key)
	}
	switch f.op {
	case opContinuation, opText, opBinary:
		return p.judgeData(f)
	case opClose, opPing, opPong:
		return judgeControl(f)
	}
	return verdict("5.2", "reserved opcodes are not used", "opcode %X", f.op)
}

func (p *peer) judgeData(f frame) error {
	if f.op == opContinuation && p.coming == nil {
		return verdict("5.4", "a continuation frame goes on with a message that has begun", "a continuation of nothing")
	}
	if f.op != opContinuation && p.coming != nil {
		return verdict("5.4", "the fragments of a message are not interleaved with another", "a %s frame within a message", f.describe())
	}
	return nil
}

func judgeControl(f frame) error {
	if !f.fin {
		return verdict("5.5", "control frames are not fragmented", "a %s frame with FIN=0", f.describe())
	}
	if f.size() > 125 {
		return verdict("5.5", "control frames have at most 125 bytes of payload", "a %s frame of %d bytes", f.describe(), f.size())
	}
	if f.op != opClose || f.size() == 0 {
		return nil
	}
	if f.size() == 1 {
		return verdict("5.5.1", "the payload of a close frame begins with a code of two bytes", "a close frame of one byte")
	}
	e := closeEvent(f)
	if !sendable(e.code) {
		return verdict("7.4", "a close frame has a code that may be sent", "close code %d", e.code)
	}
	if !utf8.ValidString(e.reason) {
		return verdict("5.5.1", "the reason of a close frame is UTF-8", "a reason that is not: % x", e.reason)
	}
	return nil
}

// sendable is the set of codes that may stand in a close frame: RFC 6455, Section
// 7.4, and what has been registered since.
func sendable(code uint16) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// assemble returns the message that f completes, decompressed, or nil.
func (p *peer) assemble(f frame) (*message, error) {
	if p.coming == nil {
		p.coming, p.packed = &message{op: f.op}, f.rsv&rsv1 != 0
	}
	p.coming.data = append(p.coming.data, f.payload...)
	if len(p.coming.data) > biggest {
		return nil, verdict("5.4", "a message has an end", "fragments of %d bytes and no end", len(p.coming.data))
	}
	if !f.fin {
		return nil, nil
	}
	msg := p.coming
	p.coming = nil
	if p.packed {
		plain, err := p.inflate.message(msg.data)
		if err != nil {
			return nil, verdict("7692/7.2.2", "a compressed message is one for the agreed window", "%v", err)
		}
		msg.data = plain
	}
	if msg.op == opText && !utf8.Valid(msg.data) {
		return nil, verdict("5.6", "the payload of a text message is UTF-8", "a text message that is not")
	}
	return msg, nil
}

// differs says how got is not the echo of want, or "".
func differs(got, want message) string {
	switch {
	case got.op != want.op:
		return fmt.Sprintf("a %s message", data(got.op, nil).describe())
	case len(got.data) != len(want.data):
		return fmt.Sprintf("%d bytes, %s", len(got.data), quote(got.data))
	case !bytes.Equal(got.data, want.data):
		at := 0
		for got.data[at] == want.data[at] {
			at++
		}
		return fmt.Sprintf("%d bytes that differ from offset %d on: %s", len(got.data), at, quote(got.data[at:]))
	}
	return ""
}
