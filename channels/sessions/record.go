package sessions

import (
	"strconv"
	"strings"
	"time"
)

// A record is a session as it is saved: in a cookie's token, or in a Store.
type record struct {
	id           string
	mode         byte
	oldKey       bool  // it came in a cookie that was not signed by the first key
	issued, ends int64 // Unix seconds: when it was saved, and the end of its life
	values       []entry
	turn         *turn // in a Store; never changed
}

// The modes of a session: whose rules end it.
const (
	modeManager = 'm' // the Manager
	modeBrowser = 'b' // the browser's, when it is closed, and the Manager's
	modeOwn     = 'o' // its own, given by SetExpiry
	modeEnded   = 'x' // in a Store: it was renewed, and this is the old token's place
)

const (
	// idLen is the length of crypto/rand.Text.
	idLen = 26

	// maxLife is the longest that browsers keep a cookie.
	maxLife = 400 * 24 * time.Hour
)

// room returns a buffer for what is appended to it, unless much in it is escaped.
func (r *record) room() []byte {
	n := 128
	for _, e := range r.values {
		n += len(e.key) + len(e.raw) + len(`"":,`)
	}
	return make([]byte, 0, n)
}

// appendPayload appends what a token carries: mode, ID, values.
func (r *record) appendPayload(b []byte) []byte {
	b = append(b, r.mode)
	b = append(b, r.id...)
	return appendObject(b, r.values)
}

// parsePayload reads the same. List has room for values, which stay there.
func (r *record) parsePayload(text string, list []entry) bool {
	if len(text) < 1+idLen {
		return false
	}
	r.mode = text[0]
	switch r.mode {
	case modeManager, modeBrowser, modeOwn, modeEnded:
	default:
		return false
	}
	r.id = text[1 : 1+idLen]
	for _, c := range []byte(r.id) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	var ok bool
	r.values, ok = parseObject(text[1+idLen:], list)
	return ok
}

// storedPrefix begins what is saved in a Store, and no token of a cookie.
const storedPrefix = "s1."

// appendStored appends the form for a Store: s1.ISSUED.ENDS. with what turn.append
// writes, and the payload.
func (r *record) appendStored(b []byte) []byte {
	b = append(b, storedPrefix...)
	b = strconv.AppendInt(b, r.issued, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, r.ends, 10)
	b = append(b, '.')
	b = r.turn.append(b)
	return r.appendPayload(b)
}

// parseStored reads the same.
func (r *record) parseStored(b []byte) bool {
	if len(b) > MaxStored {
		return false
	}
	rest, ok1 := strings.CutPrefix(string(b), storedPrefix)
	issued, rest, ok2 := strings.Cut(rest, ".")
	ends, rest, ok3 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	var ok4, ok5, ok6 bool
	r.issued, ok4 = parseUnix(issued)
	r.ends, ok5 = parseUnix(ends)
	r.turn, rest, ok6 = parseTurn(rest)
	if !ok4 || !ok5 || !ok6 {
		return false
	}
	return r.parsePayload(rest, nil)
}

// expires returns when the session ends unless it is used again.
func (r *record) expires(idle int64) int64 {
	if idle > 0 && r.mode != modeOwn {
		return min(r.ends, r.issued+idle)
	}
	return r.ends
}

// alive reports whether the session may be used. A life over what this package
// gives is not believed: after the clock was set right, nothing lives for ever.
func (r *record) alive(now, idle int64) bool {
	return r.mode != modeEnded && now < r.expires(idle) && r.ends-now <= int64(maxLife/time.Second)+skew
}
