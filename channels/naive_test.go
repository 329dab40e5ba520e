package channels_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels"
)

// naive reads the frames of a client, or those of a server, as RFC 6455 describes them,
// with the whole input at hand and no thought of speed. It returns the messages, and
// the close code that ends them: 0 when the input ends first.
func naive(b []byte, limit int, fromClient bool) (messages []string, code channels.StatusCode) {
	var message []byte
	opcode := byte(0) // of the message that goes on
	for {
		if len(b) < 2 {
			return messages, headCode(b, opcode)
		}
		if c := headCode(b, opcode); c != 0 {
			return messages, c
		}
		fin, op := b[0]&0x80 != 0, b[0]&0x0f
		n, size := uint64(b[1]&0x7f), 2
		if n == 126 {
			if len(b) < 4 {
				return messages, 0
			}
			n, size = uint64(binary.BigEndian.Uint16(b[2:])), 4
			if n < 126 {
				return messages, channels.StatusProtocolError
			}
		} else if n == 127 {
			if len(b) > 2 && b[2]&0x80 != 0 {
				return messages, channels.StatusProtocolError
			}
			if len(b) < 10 {
				return messages, 0
			}
			n, size = binary.BigEndian.Uint64(b[2:]), 10
			if n < 65536 {
				return messages, channels.StatusProtocolError
			}
		}
		isMasked := b[1]&0x80 != 0
		key := make([]byte, 4)
		if isMasked {
			if len(b) < size+4 {
				return messages, 0
			}
			copy(key, b[size:])
			size += 4
		}
		b = b[size:]
		if isMasked != fromClient {
			if op >= 8 && uint64(len(b)) < n {
				return messages, 0 // a control frame is judged when it is complete
			}
			return messages, channels.StatusProtocolError
		}
		if op < 8 {
			if op == 0 && opcode == 0 || op != 0 && opcode != 0 {
				return messages, channels.StatusProtocolError
			}
			if n > uint64(limit-len(message)) {
				return messages, channels.StatusMessageTooBig
			}
		}
		have := min(n, uint64(len(b)))
		payload := make([]byte, have)
		for i := range payload {
			payload[i] = b[i] ^ key[i%4]
		}
		if op < 8 {
			if op != 0 {
				opcode = op
			}
			message = append(message, payload...)
			if opcode == 1 && !prefixOfUTF8(message) {
				return messages, channels.StatusInvalidPayload
			}
		}
		if have < n {
			return messages, 0
		}
		b = b[n:]
		switch {
		case op == 8:
			return messages, closeAnswer(payload)
		case op < 8 && fin:
			if opcode == 1 && !utf8.Valid(message) {
				return messages, channels.StatusInvalidPayload
			}
			messages = append(messages, fmt.Sprint(opcode, " ", string(message)))
			message, opcode = nil, 0
		}
	}
}

// headCode judges the first two bytes of a frame.
func headCode(b []byte, opcode byte) channels.StatusCode {
	if len(b) == 0 {
		return 0
	}
	op := b[0] & 0x0f
	switch {
	case b[0]&0x70 != 0, op > 2 && op < 8, op > 10, op >= 8 && b[0]&0x80 == 0:
		return channels.StatusProtocolError
	case len(b) > 1 && op >= 8 && b[1]&0x7f > 125:
		return channels.StatusProtocolError
	}
	return 0
}

// prefixOfUTF8 reports whether b can become valid UTF-8.
func prefixOfUTF8(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return canBecomeRune(b)
		}
		b = b[n:]
	}
	return true
}

func canBecomeRune(b []byte) bool {
	if len(b) > 3 {
		return false
	}
	for _, tail := range []string{"\x80", "\xbf", "\x80\x80", "\xbf\xbf", "\x80\x80\x80", "\xbf\xbf\xbf", "\x9f\x80", "\xa0\x80", "\x8f\xbf\xbf", "\x90\x80\x80"} {
		if s := string(b) + tail; utf8.ValidString(s) && utf8.RuneCountInString(s) == 1 {
			return true
		}
	}
	return false
}

func closeAnswer(payload []byte) channels.StatusCode {
	if len(payload) == 0 {
		return channels.StatusNoStatus
	}
	if len(payload) == 1 {
		return channels.StatusProtocolError
	}
	code := channels.StatusCode(binary.BigEndian.Uint16(payload))
	switch {
	case !code.Sendable():
		return channels.StatusProtocolError
	case !utf8.Valid(payload[2:]):
		return channels.StatusInvalidPayload
	}
	return code
}

// naiveHandshake says why a request is no handshake for a host called localhost, or
// for an address.
func naiveHandshake(r *http.Request) string {
	has := func(name, token string) bool {
		return regexp.MustCompile(`(?i)(^|,)[ \t]*` + token + `[ \t]*(,|$)`).MatchString(strings.Join(r.Header[name], ","))
	}
	key, version, origin := r.Header["Sec-Websocket-Key"], r.Header["Sec-Websocket-Version"], r.Header["Origin"]
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	switch {
	case r.Method != "GET" || !r.ProtoAtLeast(1, 1):
		return "its method or version"
	case !has("Upgrade", "websocket") || !has("Connection", "upgrade"):
		return "its Upgrade or Connection"
	case len(version) != 1 || version[0] != "13":
		return "the version of the protocol"
	case len(key) != 1 || !regexp.MustCompile(`^[A-Za-z0-9+/]{21}[AQgw]==$`).MatchString(key[0]):
		return "its key"
	case r.ContentLength != 0 || r.TransferEncoding != nil:
		return "its content"
	case host != "localhost" && !strings.HasSuffix(host, ".localhost") && net.ParseIP(strings.Trim(host, "[]")) == nil:
		return "its host"
	case len(origin) > 1 || len(origin) == 1 && strings.TrimSuffix(origin[0], ":80") != "http://"+strings.ToLower(strings.TrimSuffix(r.Host, ":80")):
		return "its origin"
	case len(origin) == 0 && (r.Header["Cookie"] != nil || r.Header["Authorization"] != nil):
		return "a credential without an origin"
	}
	return ""
}
