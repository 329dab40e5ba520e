package channels

import "net/http"

// An Observer is told what happens to the connections of a [Server], for metrics and
// traces; what only has to be counted is in [Stats]. Its methods are called by the
// goroutines that serve, several at a time, and must not block.
type Observer interface {
	// Opened is called before the socket's handler begins.
	Opened(s *Socket)

	// Closed is called when the connection has ended and everything that belonged to
	// it, once for each that was opened. Code is the close code that was sent or
	// received, 1006 when there was neither; cause is the end of the socket's context.
	Closed(s *Socket, code StatusCode, cause error)

	// Refused is called for each handshake that this server refuses, before it is
	// answered. R is nil for a connection of another [Protocol].
	Refused(r *http.Request, err *HandshakeError)

	// Dropped is called when a socket that messages were dropped for has room again,
	// or ends: with their number since the last time.
	Dropped(s *Socket, n int)

	// Gap is called as [Server.Gap] is.
	Gap(group string, missed int)
}
