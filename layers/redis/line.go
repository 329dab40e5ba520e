package redislayer

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// A line is a connection for subscriptions. One goroutine makes it, makes it
// again when it is lost, and tells the server what to subscribe to; the client
// library's reads it.
type line struct {
	layer *Layer
	wake  chan struct{} // one slot: changed has something
	down  bool          // the log has been told so; of run alone

	mu      sync.Mutex // guards what follows, and topics; not held while delivering or writing
	topics  map[string]*topic
	changed []*topic
	conn    int // number of the connection, counted from 1
}

func newLine(layer *Layer) *line {
	return &line{layer: layer, wake: make(chan struct{}, 1), topics: map[string]*topic{}}
}

// subscribe adds s and waits until its topic is in force.
func (l *line) subscribe(ctx context.Context, s *subscription) error {
	l.mu.Lock()
	t, ok := l.topics[s.channel]
	if !ok {
		t = &topic{channel: s.channel, ready: make(chan struct{})}
		l.topics[s.channel] = t
	}
	if !t.sent {
		t.err = nil // of an attempt before
	}
	t.add(s)
	l.change(t)
	l.mu.Unlock()
	for {
		l.mu.Lock()
		ready, inForce, err := t.ready, t.inForce, t.err
		s.inForce = inForce
		l.mu.Unlock()
		if inForce {
			return nil
		}
		if err == nil {
			select {
			case <-ready: // and perhaps lost since
				continue
			case <-ctx.Done():
				err = context.Cause(ctx)
			case <-l.layer.ctx.Done():
				err = ErrClosed
			}
		}
		l.unsubscribe(s)
		return err
	}
}

// unsubscribe removes s. The server is told soon.
func (l *line) unsubscribe(s *subscription) {
	l.mu.Lock()
	if t := l.topics[s.channel]; t != nil && t.remove(s) && len(t.subs) == 0 {
		l.change(t)
	}
	l.mu.Unlock()
	s.end()
}

// change has run look at a topic. The lock is held.
func (l *line) change(t *topic) {
	if !t.changed {
		t.changed = true
		l.changed = append(l.changed, t)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run is ended, and waited for, by Layer.Close.
func (l *line) run() {
	const shortest, longest = 50 * time.Millisecond, 2 * time.Second
	pause := shortest
	for {
		select { // no connection before there is something to subscribe to
		case <-l.wake:
		case <-l.layer.ctx.Done():
			return
		}
		start := time.Now()
		err := l.serve()
		if l.layer.ctx.Err() != nil {
			return
		}
		if !l.down { // once, not at every attempt
			l.layer.logger.Warn("redislayer: the connection is lost", "error", err)
			l.down = true
		}
		l.mu.Lock()
		l.lose()
		l.mu.Unlock()
		if time.Since(start) > longest {
			pause = shortest
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-l.layer.ctx.Done():
			return
		}
		pause = min(2*pause, longest)
	}
}

// lose forgets the connection. The lock is held.
func (l *line) lose() {
	for _, t := range l.topics {
		t.reset()
		l.change(t)
	}
}

// serve makes a connection and keeps it up to date until it is lost.
func (l *line) serve() error {
	l.mu.Lock()
	l.conn++
	conn := l.conn
	l.mu.Unlock()
	client, _ := l.layer.client.Dedicate()
	defer client.Close()
	broken := make(chan error, 1)
	lost := client.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { l.receive(conn, m) },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			if err := l.confirm(conn, s); err != nil {
				select {
				case broken <- err:
				default:
				}
			}
		},
	})
	for {
		if err := l.tell(client); err != nil {
			return err
		}
		if l.down {
			l.layer.logger.Info("redislayer: connected again")
			l.down = false
		}
		select {
		case err := <-lost:
			return err
		case err := <-broken:
			return err
		case <-l.layer.ctx.Done():
			return ErrClosed
		case <-l.wake:
		}
	}
}

// receive is called by the goroutine that reads a connection.
func (l *line) receive(conn int, m rueidis.PubSubMessage) {
	l.mu.Lock()
	var subs []*subscription
	if t := l.topics[m.Channel]; t != nil {
		subs = t.subs
	}
	l.mu.Unlock()
	if len(subs) == 0 {
		return
	}
	msg := []byte(m.Message)
	for _, s := range subs {
		s.receive(conn, msg)
	}
}

var errMoved = errors.New("the server has ended a subscription: its shard has moved")

// confirm is called by the goroutine that reads a connection, in the order of the
// messages. An error means that the connection is of no more use.
func (l *line) confirm(conn int, event rueidis.PubSubSubscription) error {
	l.mu.Lock()
	t := l.topics[event.Channel]
	if conn != l.conn || t == nil {
		l.mu.Unlock()
		return nil
	}
	switch event.Kind {
	case "subscribe", "ssubscribe":
		var missed []*subscription
		if t.sent && t.ending == 0 { // or else it is the answer to a command before the last
			missed = t.confirm()
		}
		l.mu.Unlock()
		for _, s := range missed {
			s.missed(conn)
		}
		return nil
	case "unsubscribe", "sunsubscribe":
		defer l.mu.Unlock()
		if t.ending == 0 {
			return errMoved
		}
		t.ending--
		l.change(t) // to be forgotten, perhaps
		return nil
	}
	l.mu.Unlock()
	return nil
}

// take returns the channels to subscribe to and those to end, and takes them for
// told.
func (l *line) take() (begin, end []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.changed {
		t.changed = false
		switch {
		case len(t.subs) > 0 && !t.sent && t.err == nil:
			t.sent = true
			begin = append(begin, t.channel)
		case len(t.subs) == 0 && t.sent:
			t.sent, t.inForce = false, false
			t.ready = make(chan struct{})
			t.ending++
			end = append(end, t.channel)
		case len(t.subs) == 0 && t.ending == 0:
			delete(l.topics, t.channel)
		}
	}
	l.changed = nil
	return begin, end
}

// batch is how many channels are in one command.
const batch = 200

// tell sends what has changed. The confirmations are not waited for, but that one
// of a command has come.
func (l *line) tell(client rueidis.DedicatedClient) error {
	begin, end := l.take()
	for channels := range slices.Chunk(end, batch) {
		if err := l.do(client, l.layer.unsubscribeCommand(client, channels)); err != nil {
			return err
		}
	}
	for channels := range slices.Chunk(begin, batch) {
		err := l.do(client, l.layer.subscribeCommand(client, channels))
		if !refused(err) {
			if err != nil {
				return err
			}
			continue
		}
		// One of them is not allowed: which?
		for _, channel := range channels {
			err := l.do(client, l.layer.subscribeCommand(client, []string{channel}))
			if refused(err) {
				l.refuse(channel, err)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *line) do(client rueidis.DedicatedClient, command rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(l.layer.ctx, maxWait)
	defer cancel()
	return client.Do(ctx, command).Error()
}

// refused reports whether err is an answer of the server that another connection
// would not change.
func refused(err error) bool {
	answer, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, moved := answer.IsMoved()
	_, ask := answer.IsAsk()
	return !moved && !ask && !answer.IsTryAgain() && !answer.IsClusterDown() && !answer.IsLoading()
}

// refuse has those who wait for a channel fail.
func (l *line) refuse(channel string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[channel] // still there, as it was sent
	t.sent, t.err = false, err
	close(t.ready)
	t.ready = make(chan struct{})
	if slices.ContainsFunc(t.subs, func(s *subscription) bool { return s.inForce }) {
		l.layer.logger.Error("redislayer: a subscription is refused that was in force", "channel", channel, "error", err)
	}
}
