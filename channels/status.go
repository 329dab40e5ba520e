package channels

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A StatusCode is the code of a WebSocket close frame (RFC 6455, Section 7.4).
type StatusCode uint16

// The close codes that an endpoint may send (RFC 6455, Section 7.4.1, and the
// IANA registry that it opened), and the three that only describe a connection.
const (
	StatusNormalClosure       StatusCode = 1000
	StatusGoingAway           StatusCode = 1001
	StatusProtocolError       StatusCode = 1002
	StatusUnsupportedData     StatusCode = 1003
	StatusNoStatus            StatusCode = 1005 // never sent: the peer's close frame had no code
	StatusAbnormalClosure     StatusCode = 1006 // never sent: the connection ended without a close frame
	StatusInvalidPayload      StatusCode = 1007
	StatusPolicyViolation     StatusCode = 1008
	StatusMessageTooBig       StatusCode = 1009
	StatusMandatoryExtension  StatusCode = 1010
	StatusInternalError       StatusCode = 1011
	StatusServiceRestart      StatusCode = 1012
	StatusTryAgainLater       StatusCode = 1013
	StatusBadGateway          StatusCode = 1014
	StatusTLSHandshakeFailure StatusCode = 1015 // never sent
	StatusUnauthorized        StatusCode = 3000 // who you are is not known, or no longer
	StatusForbidden           StatusCode = 3003 // who you are is known, and you may not
	StatusTimeout             StatusCode = 3008 // what was expected of you did not come in time
)

var statusText = map[StatusCode]string{
	StatusNormalClosure:       "normal closure",
	StatusGoingAway:           "going away",
	StatusProtocolError:       "protocol error",
	StatusUnsupportedData:     "unsupported data",
	StatusNoStatus:            "no status",
	StatusAbnormalClosure:     "abnormal closure",
	StatusInvalidPayload:      "invalid payload",
	StatusPolicyViolation:     "policy violation",
	StatusMessageTooBig:       "message too big",
	StatusMandatoryExtension:  "mandatory extension",
	StatusInternalError:       "internal error",
	StatusServiceRestart:      "service restart",
	StatusTryAgainLater:       "try again later",
	StatusBadGateway:          "bad gateway",
	StatusTLSHandshakeFailure: "TLS handshake failure",
	StatusUnauthorized:        "unauthorized",
	StatusForbidden:           "forbidden",
	StatusTimeout:             "timeout",
}

// String returns the number and, where the code has one, its name.
func (c StatusCode) String() string {
	if text, ok := statusText[c]; ok {
		return strconv.Itoa(int(c)) + " (" + text + ")"
	}
	return strconv.Itoa(int(c))
}

// Sendable reports whether c may stand in a close frame: 1000–1003, 1007–1014
// and 3000–4999 (RFC 6455, Sections 7.4.1 and 7.4.2).
func (c StatusCode) Sendable() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// maxReason is what a control frame's 125 bytes leave beside the code.
const maxReason = 123

// A CloseError is a close code with its reason: returned by a handler it says
// how to close; returned by a read it says how the peer closed.
type CloseError struct {
	Code   StatusCode
	Reason string // at most 123 bytes of UTF-8
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return "websocket: closed: " + e.Code.String()
	}
	return "websocket: closed: " + e.Code.String() + ": " + strconv.Quote(e.Reason)
}

// Closef returns a *CloseError. The reason is cut to 123 bytes at a rune's
// border; invalid UTF-8 in it is replaced.
func Closef(code StatusCode, format string, args ...any) error {
	return newCloseError(code, fmt.Sprintf(format, args...))
}

func newCloseError(code StatusCode, reason string) *CloseError {
	return &CloseError{Code: code, Reason: trimReason(reason)}
}

// trimReason makes s fit a close frame: valid UTF-8, at most 123 bytes.
func trimReason(s string) string {
	if len(s) <= maxReason && utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, maxReason)
	for _, r := range s {
		if len(b)+utf8.RuneLen(r) > maxReason {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// CloseStatus returns the close code that err carries: the one of a *CloseError
// in its chain, otherwise 0.
func CloseStatus(err error) StatusCode {
	if ce, ok := errors.AsType[*CloseError](err); ok {
		return ce.Code
	}
	return 0
}

// endStatus is CloseStatus for a connection that has ended: 1006 where there is none.
func endStatus(cause error) StatusCode {
	if _, ok := cause.(*lostError); !ok { // whose chain is made when it is looked at
		if code := CloseStatus(cause); code != 0 {
			return code
		}
	}
	return StatusAbnormalClosure
}

// Done, returned by a consumer's method, closes its connection with 1000.
//
//lint:ignore ST1012 it is a verdict, not a failure
var Done = errors.New("channels: done")
