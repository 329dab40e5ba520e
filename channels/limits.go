package channels

import "time"

// Limits bound what one connection may ask of this side. In every field 0 means
// the default and a negative value means no limit.
type Limits struct {
	// MessageSize is the most bytes that a message may have, after inflation.
	// Default 1 MiB. A larger one closes with 1009 (message too big), from the
	// frame's header alone. Nothing is allocated from an announced length.
	MessageSize int64

	// Fragments is the most frames that a message may come in. Default 1,024. More
	// close with 1008 (policy violation).
	Fragments int

	// MessageTime is how long the peer may take for each 64 KiB of a message,
	// counted from its first byte. Default 1 minute. Slower closes with 1008.
	MessageTime time.Duration

	// ControlsPerSecond is how many pings and pongs the peer may send in a second.
	// Default 100. More close with 1008.
	ControlsPerSecond int

	// MessagesPerSecond is how many messages the peer may send in a second.
	// Default: no limit. More close with 1008.
	MessagesPerSecond int
}

// The defaults of Limits and of the timeouts of Upgrader and DialOptions.
const (
	defaultMessageSize  = 1 << 20
	defaultFragments    = 1024
	defaultMessageTime  = time.Minute
	defaultControls     = 100
	defaultWriteTimeout = 10 * time.Second
	defaultCloseTimeout = 5 * time.Second
	defaultPingInterval = 30 * time.Second
)

// messageQuantum is the part of a message that MessageTime is given for.
const messageQuantum = 64 << 10

// orDefault resolves a field where 0 is the default and a negative value is off:
// off is returned as 0.
func orDefault[T ~int | ~int64](value, def T) T {
	switch {
	case value == 0:
		return def
	case value < 0:
		return 0
	}
	return value
}

// settings are the limits and timeouts of a connection with the defaults filled
// in; 0 is off. They are shared by all connections of an Upgrader.
type settings struct {
	messageSize  int64
	fragments    int
	messageTime  time.Duration
	controls     int
	messages     int
	writeTimeout time.Duration
	closeTimeout time.Duration
	keeper       keeper
}

func newSettings(l Limits, write, close, ping time.Duration) *settings {
	return &settings{
		messageSize:  orDefault(l.MessageSize, defaultMessageSize),
		fragments:    orDefault(l.Fragments, defaultFragments),
		messageTime:  orDefault(l.MessageTime, defaultMessageTime),
		controls:     orDefault(l.ControlsPerSecond, defaultControls),
		messages:     orDefault(l.MessagesPerSecond, 0),
		writeTimeout: orDefault(write, defaultWriteTimeout),
		closeTimeout: orDefault(max(close, 0), defaultCloseTimeout),
		keeper:       keeper{interval: orDefault(ping, defaultPingInterval)},
	}
}

// A bucket allows so many events in a second, and as many in one burst. It is the time,
// since epoch, at which it will be full again, so that it takes 8 bytes: each event
// puts that off by its share of a second. 0 is one that has always been full. (In a
// synctest bubble times are before epoch.)
type bucket time.Duration

// take reports whether one more event is within rate, which 0 turns off.
func (b *bucket) take(rate int) bool {
	if rate == 0 {
		return true
	}
	now := bucket(time.Since(epoch))
	full := now
	if *b != 0 {
		full = max(*b, now)
	}
	if full += bucket(time.Second) / bucket(rate); full-now > bucket(time.Second) {
		return false
	}
	*b = full
	return true
}
