package channels

import "context"

// A Layer carries messages between processes (or between servers of one
// process). Both methods use standard types only, so that one can be written
// without importing this package; wstest.TestLayer tests it.
//
//   - Order: what one goroutine publishes to a topic is delivered in that order.
//   - At most once: a message is delivered once to each subscription, or, when
//     the connection to the engine was lost, not at all.
//   - A subscription is in force when Subscribe returns: what is published later,
//     by any process that is connected, is delivered.
//   - Nobody waits for a receiver: Publish returns when the engine has taken the
//     message.
//   - Topics are 1 to 200 bytes of letters, digits, '.', '-', '_' and ':'.
//   - A message is at most 1 MiB.
type Layer interface {
	// Publish sends msg to every subscription of topic, also those of this
	// process. It may keep msg only until it returns.
	Publish(ctx context.Context, topic string, msg []byte) error

	// Subscribe calls deliver with every message of topic, one at a time, until
	// cancel is called. Deliver never blocks; the bytes are handed over for good,
	// and read only by then: several subscriptions may be given the same. When
	// messages may have been lost (the connection was down, the engine called this
	// subscriber too slow) gap is called, never at the same time as deliver. It
	// may be nil. After cancel has returned neither is called again; cancel must
	// not be called from deliver or gap. Ctx bounds the call, not the subscription.
	Subscribe(ctx context.Context, topic string, deliver func(msg []byte), gap func()) (cancel func() error, err error)
}
