package channels

import (
	"context"
	"encoding/json"
	"fmt"
)

// A Consumer handles one connection: a new one is made for each. Its methods, this
// one and those of the optional interfaces [Connector], [EventReceiver], [Drainer] and
// [Disconnector], are called one at a time, so that its fields need no lock. What a
// method returns ends the connection, as described at [Handler], but nil goes on.
type Consumer interface {
	// Receive is called with each message; m.Data is the consumer's to keep.
	Receive(ctx context.Context, s *Socket, m Message) error
}

// A BorrowedConsumer is a Consumer that does not keep what it receives, which then
// costs no allocation: m.Data is valid until ReceiveBorrowed returns.
type BorrowedConsumer interface {
	ReceiveBorrowed(ctx context.Context, s *Socket, m Message) error
}

// A Connector is a consumer that is called first, when the connection is open and
// before any message: the place to look at the user and to join groups.
type Connector interface {
	Connect(ctx context.Context, s *Socket) error
}

// An EventReceiver is a consumer that is called with the events of the groups that
// its socket is in: those that [Server.Notify] sends.
type EventReceiver interface {
	ReceiveEvent(ctx context.Context, s *Socket, e Event) error
}

// A Drainer is a consumer that is called when the server shuts down, before its
// connection is closed: the place to say goodbye, or to store something. It is given
// CloseTimeout. After nil the close code is 1012 (service restart).
type Drainer interface {
	Drain(ctx context.Context, s *Socket) error
}

// A Disconnector is a consumer that is called last, when the connection has ended
// or is about to be closed, also when Connect failed or was never called. Why is a
// *CloseError when a close frame came or a close code was returned. Nothing can be
// sent to the socket any more when its context is over, but to its groups.
type Disconnector interface {
	Disconnect(ctx context.Context, s *Socket, why error)
}

// Consume returns the handler that serves each connection by a consumer of its own.
func Consume[C Consumer](newConsumer func() C) Handler {
	if newConsumer == nil {
		panic("channels: Consume: the function is nil")
	}
	return &consumerHandler{
		begin: func() any { return newConsumer() },
		receive: func(ctx context.Context, consumer any, s *Socket, m Message) error {
			return consumer.(C).Receive(ctx, s, m)
		},
	}
}

// ConsumeBorrowed is Consume for consumers that do not keep what they receive.
func ConsumeBorrowed[C BorrowedConsumer](newConsumer func() C) Handler {
	if newConsumer == nil {
		panic("channels: ConsumeBorrowed: the function is nil")
	}
	return &consumerHandler{
		begin: func() any { return newConsumer() },
		receive: func(ctx context.Context, consumer any, s *Socket, m Message) error {
			return consumer.(C).ReceiveBorrowed(ctx, s, m)
		},
		borrow: true,
	}
}

// An Event is what [Server.Notify] sends to the consumers of a group, in this
// process and others: a type that the application chooses, and data.
type Event struct {
	Type   string // 1 to 255 bytes; "channels." is the beginning of this package's own
	Data   []byte // the receivers share it, and must not change it
	Group  string // where it comes from, when it is received
	Missed int    // of EventGap: how many messages and events, or -1; of EventDropped: how many messages

	Presence *Presence // of an EventPresence
}

// EventGap is the type of the event that a consumer gets when messages or events of
// its Group have been lost on the way through the [Layer]: the application should
// load anew what it shows.
//
// It comes with -1 for Missed as soon as this process has its connection to the layer
// back, as anything may have been published meanwhile; and with a number when a
// publisher has sent more than has arrived, which this process learns from the next
// message, or within seconds of the last. Both may tell of the same messages. What a
// process published just before it was killed nobody can miss.
const EventGap = reservedEvents + "gap"

// EventDropped is the type of the event that a consumer gets when messages were not
// sent to its socket, as the queue was full and [Server.Slow] says to drop: how many
// is Missed. It comes when the queue has room again, so that the consumer can tell its
// client, or send anew what counts.
const EventDropped = reservedEvents + "dropped"

const reservedEvents = "channels."

// JSONEvent returns an event with v encoded by encoding/json.
func JSONEvent(typ string, v any) (Event, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Event{}, fmt.Errorf("channels: encode event %q: %w", typ, err)
	}
	return Event{Type: typ, Data: b}, nil
}

// Decode parses the event's data as JSON into v.
func (e Event) Decode(v any) error {
	if err := json.Unmarshal(e.Data, v); err != nil {
		return fmt.Errorf("channels: decode event %q: %w", e.Type, err)
	}
	return nil
}
