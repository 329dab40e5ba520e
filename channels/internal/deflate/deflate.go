// Package deflate compresses and decompresses the messages of permessage-deflate
// (RFC 7692): DEFLATE (RFC 1951) from slice to slice, without the zlib header and
// without the last four octets, which every message would have in common.
//
// All functions may be called at the same time, but not with the same Window.
// Working memory comes from pools: a connection keeps nothing, or, with context
// takeover, its two Windows.
package deflate

import "errors"

// Tail is what a message's payload lacks at its end: the LEN and NLEN of an empty
// stored block (RFC 7692, Section 7.2.1). Compress leaves it off. A sender that
// does not know its whole message yet appends it to what Compress made of the
// beginning and goes on with another Compress for the same message.
const Tail = "\x00\x00\xff\xff"

var (
	// ErrCorrupt is returned for a payload that is no DEFLATE stream, is cut off,
	// or refers to what is not in the window.
	ErrCorrupt = errors.New("deflate: corrupt data")

	// ErrTooLarge is returned for a payload that inflates to more than its limit.
	ErrTooLarge = errors.New("deflate: message over the limit")
)
