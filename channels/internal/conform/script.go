package conform

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A step is a part of what a case does with a connection.
type step func(*peer) error

// A mismatch is how a step fails.
type mismatch struct {
	want, got string
}

func (m *mismatch) expected() (want, got string) { return m.want, m.got }

func (m *mismatch) Error() string { return "want " + m.want + ", got " + m.got }

// unmet makes the error of a step that wanted something else than e, or than what
// next returned err for.
func unmet(want string, e event, err error) error {
	if b, ok := errors.AsType[*broken](err); ok {
		return b
	}
	if err != nil {
		return &mismatch{want, err.Error()}
	}
	return &mismatch{want, e.String()}
}

// steps runs one after another.
func steps(all ...step) step {
	return func(p *peer) error {
		for _, s := range all {
			if err := s(p); err != nil {
				return err
			}
		}
		return nil
	}
}

// sends sends valid frames in one write.
func sends(frames ...frame) step {
	return func(p *peer) error { p.send(frames...); return nil }
}

// chops sends valid frames in writes of n bytes.
func chops(n int, frames ...frame) step {
	return func(p *peer) error { p.chop(n, frames...); return nil }
}

// settles waits until every message has been echoed and the last ping answered.
func settles(p *peer) error {
	for len(p.due) > 0 || len(p.pings) > 0 {
		want := p.outstanding()
		e, err := p.next()
		if err != nil || e.what == gotClose || e.what == gotEnd {
			return unmet(want, e, err)
		}
		if err := p.echoed(want, e); err != nil {
			return err
		}
	}
	return nil
}

// echoed takes a message off those that are due.
func (p *peer) echoed(want string, e event) error {
	if e.what != gotMessage {
		return nil
	}
	if len(p.due) == 0 {
		return unmet(want, e, nil)
	}
	if diff := differs(e.msg, p.due[0]); diff != "" {
		return &mismatch{want, diff}
	}
	p.due = p.due[1:]
	return nil
}

// outstanding says what has to come.
func (p *peer) outstanding() string {
	var all []string
	if len(p.due) > 0 {
		m := p.due[0]
		all = append(all, fmt.Sprintf("the echo of %s, %s, %d bytes", data(m.op, nil).describe(), quote(m.data), len(m.data)))
	}
	if n := len(p.pings); n > 0 {
		all = append(all, fmt.Sprintf("a pong with %s", quote(p.pings[n-1])))
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, " and ")
}

// finishes closes with 1000, and wants it back and then the end.
func finishes(p *peer) error {
	p.send(closing(1000, ""))
	return answers(1000)(p)
}

// answers wants, after the close frame that has been sent, one with one of the
// codes, and then the end. 0 stands for a close frame without a code.
func answers(codes ...uint16) step {
	return func(p *peer) error { return p.wantClose(codes) }
}

// refuses sends frames of which the last is wrong, and wants the connection failed
// with one of the codes (RFC 6455, Section 7.1.7): a close frame, and then the
// end. Messages and pings before the last may be answered or not.
func refuses(codes []uint16, frames ...frame) step {
	return func(p *peer) error {
		var all []byte
		for i, f := range frames {
			if i < len(frames)-1 {
				p.remember(f)
			}
			all = p.encode(all, f)
		}
		p.log.blame()
		p.out.write(all)
		last := frames[len(frames)-1]
		p.doubted = last.size() == uint64(len(last.payload))
		return p.wantClose(codes)
	}
}

// wantClose reads a close frame with one of the codes, answers it where it is the
// first, and reads the end.
func (p *peer) wantClose(codes []uint16) error {
	const doubt = "is the connection still open?"
	asked := false
	for {
		// An endpoint that has passed over what was wrong would be waited for in vain.
		if p.doubted && p.silent() {
			p.doubted, asked = false, true
			p.log.note("nothing has come")
			p.send(ping(doubt))
		}
		e, err := p.next()
		if asked && len(p.pings) == 0 && err == nil && e.what == gotPong {
			return &mismatch{closeWith(codes), "nothing, and then the answer to a ping: the connection goes on"}
		}
		if done, err := p.closesWith(codes, e, err); done || err != nil {
			return err
		}
	}
}

func closeWith(codes []uint16) string {
	return "a close frame with " + either(codes) + ", then the end of the connection"
}

// closesWith is wantClose for an event that has been read: when it is neither wrong
// nor the close frame, there is more to read.
func (p *peer) closesWith(codes []uint16, e event, err error) (done bool, _ error) {
	want := closeWith(codes)
	switch {
	case err != nil || e.what == gotEnd:
		return false, unmet(want, e, err)
	case e.what != gotClose:
		return false, p.echoed(want, e)
	case !slices.Contains(codes, e.code):
		return false, unmet(want, e, nil)
	}
	if !p.closed {
		p.send(answerTo(e))
	}
	return true, p.wantEnd()
}

// answerTo is the close frame that answers the one of e.
func answerTo(e event) frame {
	if e.code == 0 {
		return closeBytes("")
	}
	return closing(e.code, "")
}

// wantEnd reads the end of the connection, which is for the server to begin (RFC
// 6455, Section 7.1.1), and wants no frame before it.
func (p *peer) wantEnd() error {
	if p.judged == Client {
		p.hangUp()
	}
	const want = "no frame after the close frame, and the end of the connection"
	f, err := readFrame(p.in)
	if err == nil || f.announce != nil {
		p.log.frame(p.who, f)
		return &mismatch{want, "a " + f.describe() + " frame"}
	}
	e, err := p.ended(f, err)
	if err != nil {
		return unmet(want, e, err)
	}
	return nil
}

// hangUp ends the direction to the endpoint, once all is written. The goroutine
// ends with the outbox, for which end waits.
func (p *peer) hangUp() {
	p.out.finish(func() {
		if half, ok := p.conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	})
}

func either(codes []uint16) string {
	var all []string
	for _, c := range codes {
		if c == 0 {
			all = append(all, "no code")
			continue
		}
		all = append(all, fmt.Sprint(c))
	}
	return strings.Join(all, " or ")
}
