package conform

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"time"
)

// A peer is the suite's end of one connection: it sends what a case tells it to,
// right or wrong, knows what has to come back for it, and judges every frame that
// does come back.
type peer struct {
	suite  *Suite
	item   *Case // the one that is played
	judged Role
	who    string // "server" or "client": the judged end, in transcripts
	me     string // the other one
	conn   net.Conn
	in     *bufio.Reader
	out    *outbox
	log    transcript
	rng    *rand.Rand
	client *clientCall // when a client is judged

	agreed  *agreement // nil: without permessage-deflate
	deflate *deflater  // compresses what is sent
	inflate *inflater  // decompresses what comes

	due   []message // echoes that have not come yet
	pings [][]byte  // payloads of pings that have not been answered yet
	pongs [][]byte  // payloads of pongs that were sent

	sending *outgoing // a fragmented message that is being sent
	coming  *message  // one that is coming
	packed  bool      // coming is compressed
	keys    [][4]byte
	closed  bool // a close frame was sent
	doubted bool // what was sent has to end the connection, and a ping may ask whether it did
}

func newPeer(s *Suite, c *Case, judged Role, conn net.Conn) *peer {
	p := &peer{
		suite:  s,
		item:   c,
		judged: judged,
		who:    "server",
		me:     "client",
		conn:   conn,
		in:     bufio.NewReader(conn),
		out:    newOutbox(conn),
		rng:    rand.New(rand.NewPCG(6455, 7692)),
	}
	if judged == Client {
		p.who, p.me = p.me, p.who
	}
	p.log.start = time.Now()
	conn.SetDeadline(p.deadline())
	return p
}

func (p *peer) deadline() time.Time { return p.log.start.Add(p.suite.timeout(p.item)) }

// silent reports whether nothing comes for a fifth of the time for a case.
func (p *peer) silent() bool {
	p.conn.SetReadDeadline(time.Now().Add(p.suite.timeout(p.item) / 5))
	_, err := p.in.Peek(1)
	p.conn.SetReadDeadline(p.deadline())
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// end closes the connection and waits for the goroutine that writes to it.
func (p *peer) end() {
	p.conn.Close()
	p.out.end()
	p.out.wait()
}

// encode gives the frame the masking that belongs to its direction, writes it down
// and appends its bytes to b.
func (p *peer) encode(b []byte, f frame) []byte {
	f.masked = (p.judged == Server) != f.misdirected
	if f.masked && f.key == nil {
		f = f.keyed(byte(p.rng.Uint32()), byte(p.rng.Uint32()), byte(p.rng.Uint32()), byte(p.rng.Uint32()))
	}
	p.log.frame(p.me, f)
	return f.append(b)
}

// send sends valid frames in one write, and remembers what has to come back.
func (p *peer) send(frames ...frame) { p.chop(0, frames...) }

// chop is send in writes of n bytes, of all at once for 0.
func (p *peer) chop(n int, frames ...frame) {
	size := 0
	for _, f := range frames {
		size += len(f.payload) + 14
	}
	all := make([]byte, 0, size)
	for _, f := range frames {
		p.remember(f)
		all = p.encode(all, f)
	}
	p.write(n, all)
}

// write sends bytes in writes of n bytes.
func (p *peer) write(n int, b []byte) {
	if n == 0 {
		p.out.write(b)
		return
	}
	if n < len(b) {
		p.log.note("the bytes above go out in writes of %d", n)
	}
	p.out.chop(b, n)
}

// remember keeps account of what an endpoint has to do about a valid frame: after
// a close frame, nothing.
func (p *peer) remember(f frame) {
	if p.closed {
		return
	}
	switch f.op {
	case opPing:
		p.pings = append(p.pings, f.payload)
	case opPong:
		p.pongs = append(p.pongs, f.payload)
	case opClose:
		p.closed = true
	case opText, opBinary:
		p.sending = &outgoing{msg: message{op: f.op, data: f.payload}}
		if f.echo != nil {
			p.sending = &outgoing{msg: *f.echo, known: true}
		}
	case opContinuation:
		p.sending.add(f.payload)
	}
	if f.op <= opBinary && f.fin {
		p.due = append(p.due, p.sending.msg)
		p.sending = nil
	}
}

// An outgoing is a message of which fragments are being sent.
type outgoing struct {
	msg   message
	known bool // msg is all of it, whatever the frames contain
	own   bool // msg.data is no frame's payload
}

func (o *outgoing) add(b []byte) {
	if o.known {
		return
	}
	if !o.own {
		o.msg.data = bytes.Clone(o.msg.data)
		o.own = true
	}
	o.msg.data = append(o.msg.data, b...)
}

// An event is what a judged endpoint does: a whole message, a pong that answers a
// ping, a close frame, or the end of the connection.
type event struct {
	what   happening
	msg    message
	code   uint16 // of a close frame; 0: without
	reason string
	err    error // of an end
}

type happening int

const (
	gotMessage happening = iota
	gotPong
	gotClose
	gotEnd
)

func (e event) String() string {
	switch e.what {
	case gotMessage:
		return fmt.Sprintf("a %s message of %d bytes, %s", data(e.msg.op, nil).describe(), len(e.msg.data), quote(e.msg.data))
	case gotPong:
		return "a pong"
	case gotClose:
		if e.code == 0 {
			return "a close frame without a code"
		}
		if e.reason != "" {
			return fmt.Sprintf("a close frame with %d, %q", e.code, e.reason)
		}
		return fmt.Sprintf("a close frame with %d", e.code)
	}
	return fmt.Sprintf("the end of the connection (%v)", e.err)
}

// next returns what the endpoint does next. Pings are answered, and pongs that
// answer nothing are passed over (RFC 6455, Section 5.5.3: they are allowed).
// The error is a verdict on a frame that breaks a rule, or errSilent.
func (p *peer) next() (event, error) {
	for {
		f, err := readFrame(p.in)
		if len(f.payload) > 0 || f.announce != nil {
			p.log.frame(p.who, f)
		}
		if err != nil {
			return p.ended(f, err)
		}
		if err := p.judge(f); err != nil {
			p.log.blame()
			return event{}, err
		}
		switch f.op {
		case opPing:
			if !p.closed {
				p.out.write(p.encode(nil, pong(string(f.payload))))
			}
		case opPong:
			answer, err := p.answered(f.payload)
			if err != nil {
				return event{}, err
			}
			if answer {
				return event{what: gotPong}, nil
			}
		case opClose:
			return closeEvent(f), nil
		default:
			msg, err := p.assemble(f)
			if err != nil {
				return event{}, err
			}
			if msg != nil {
				return event{what: gotMessage, msg: *msg}, nil
			}
		}
	}
}

// ended tells a closed connection from a silent one and from a broken frame.
func (p *peer) ended(f frame, err error) (event, error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		p.log.note("nothing more came")
		return event{}, errSilent
	case f.announce != nil && f.size() > biggest:
		return event{}, verdict("5.2", "no frame is larger than the message that is echoed", "%v", err)
	}
	p.log.note("the %s ended the connection", p.who)
	return event{what: gotEnd, err: err}, nil
}

func closeEvent(f frame) event {
	e := event{what: gotClose}
	if len(f.payload) >= 2 {
		e.code = uint16(f.payload[0])<<8 | uint16(f.payload[1])
		e.reason = string(f.payload[2:])
	}
	return e
}

// answered takes a pong into account: it answers the ping with its payload, and
// all before (RFC 6455, Section 5.5.3: only the most recent need be answered).
func (p *peer) answered(payload []byte) (bool, error) {
	same := func(b []byte) bool { return bytes.Equal(b, payload) }
	if i := slices.IndexFunc(p.pings, same); i >= 0 {
		p.pings = p.pings[i+1:]
		return true, nil
	}
	if slices.ContainsFunc(p.pongs, same) {
		return false, verdict("5.5.3", "a pong is not answered", "a pong with the payload of one that was sent")
	}
	if len(p.pings) > 0 {
		return false, verdict("5.5.3", "a pong carries the payload of the ping that it answers", "a pong with %s", quote(payload))
	}
	return false, nil
}
