package channels

import "context"

// A Layer carries messages between processes (or between servers of one process).
// Both methods use standard types only, so that one can be written without importing
// this package. This is the contract, which wstest.TestLayer tests:
//
//   - Topics are 1 to 200 bytes of letters, digits, '.', '-', '_' and ':', and are
//     compared byte by byte. A message is any bytes, at most 1 MiB. Both methods refuse
//     other topics, and Publish larger messages, with an error.
//   - Order: what one goroutine publishes to a topic is delivered in that order.
//   - At most once: a message is delivered once to each subscription, or not at all,
//     when the connection to the engine was lost. None is ever sent again.
//   - A subscription is in force when Subscribe returns: what is published later, by
//     any process that is connected, is delivered. An engine of several nodes may take
//     a moment to tell the other nodes, and its layer says how long.
//   - Nobody waits for a receiver: Publish returns when the engine has taken the
//     message, or its connection has. No call waits for long beyond its context's end.
//   - A lost connection is made again by itself, and each subscription put in force
//     again. Then gap is called, for each: what is published from then on is delivered.
//
// That the engine or the network lose a message without a sign is not excluded: a
// [Server] numbers what it publishes, and tells; see [EventGap].
type Layer interface {
	// Publish sends msg to every subscription of topic, also those of this process. It
	// may keep msg only until it returns. After an error the message may have been
	// sent, or not.
	Publish(ctx context.Context, topic string, msg []byte) error

	// Subscribe calls deliver with every message of topic, one at a time, until cancel
	// is called; it may begin before Subscribe returns. The bytes are handed over for
	// good, and read only by then: several subscriptions may be given the same. Deliver
	// does not block, and calls no method of the layer.
	//
	// Gap may be nil. It is called when messages may have been lost, as the connection
	// was, or as the engine calls this subscriber too slow; never at the same time as
	// deliver of the same subscription.
	//
	// Cancel ends the subscription. It waits for a call of deliver or gap that is under
	// way, so it must not be called from one; when it has returned neither is called
	// again. Calling it again does nothing. An error means that the engine could not be
	// told.
	//
	// Ctx bounds the call, not the subscription. One that Subscribe returned an error
	// for does not come to life later.
	Subscribe(ctx context.Context, topic string, deliver func(msg []byte), gap func()) (cancel func() error, err error)
}
