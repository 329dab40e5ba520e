package sessions

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// A token is what the cookie holds when there is a Store: 32 random bytes in base64url.
// The first part says where the session is kept, and stays for as long as it is not
// renewed. The second proves that the client is the one that got the token last: in a
// session with a life of its own, which may be remembered for months, it is replaced
// while the session is used. Whoever then shows a former one has a copy, or was copied.
const (
	tokenLen  = 43
	seriesLen = 22 // 132 bits, of which the other part has 124
)

// newToken returns a token, and what its session is saved under.
func newToken() (token, key string) {
	var b [32]byte
	rand.Read(b[:])
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, storeKey(token)
}

// isStoreToken reports whether text could be a token. What could not is never shown
// to a Store.
func isStoreToken(text string) bool { return len(text) == tokenLen && isBase64URL(text) }

// storeKey returns the key of a token in a Store. It is made of a hash, so it gives no
// token away, takes as long to look up for a token that is nearly right as for any
// other, and means the same to a store that ignores case. The prefix keeps it apart
// from what else a cache may hold.
func storeKey(token string) string {
	sum := hashOf("sluice session ", token[:seriesLen])
	const prefix = "session:"
	var key [len(prefix) + tokenLen]byte
	base64.RawURLEncoding.Encode(key[copy(key[:], prefix):], sum[:])
	return string(key[:])
}

// hashOf returns the SHA-256 of a part of a token, for a purpose.
func hashOf(purpose, part string) [sha256.Size]byte {
	var buf [64]byte // without which it would be garbage
	return sha256.Sum256(append(append(buf[:0], purpose...), part...))
}

// A secret is what the Store has of a token's second part: 128 bits of its hash.
type secret [22]byte

func secretOf(token string) (s secret) {
	sum := hashOf("sluice session secret ", token[seriesLen:])
	base64.RawURLEncoding.Encode(s[:], sum[:16])
	return s
}

func (s secret) is(other secret) bool { return subtle.ConstantTimeCompare(s[:], other[:]) == 1 }

// A turn is which token of a session is good.
type turn struct {
	at     int64  // Unix seconds: when now was given out
	seen   bool   // a client has shown it since
	now    secret // of the token that was given out last
	before secret // of the one that it was given out for; zero if there was none
}

const (
	// turnAfter is how long a token is used before it is replaced, in seconds.
	turnAfter = 600

	// turnGrace is how long requests may still come with the token before, in
	// seconds: they were sent before the browser had the new one.
	turnGrace = 60
)

func newTurn(token string) *turn {
	return &turn{at: time.Now().Unix(), seen: true, now: secretOf(token)}
}

// next is the turn after a token was replaced. A client that never got what it was
// given shows the former one again, and is given another.
func (t *turn) next(shown, given string) *turn {
	return &turn{at: time.Now().Unix(), now: secretOf(given), before: secretOf(shown)}
}

// shown is the turn when a client has shown the token that was given out last.
func (t *turn) shown() *turn {
	if t.seen {
		return t
	}
	shown := *t
	shown.seen = true
	return &shown
}

// A standing is what a token is worth.
type standing int

const (
	tokenWrong  standing = iota
	tokenGood            // the last that was given out
	tokenBefore          // the one before, whose successor may be on its way
)

// standing returns what a token is worth that came in a request which arrived at a time.
func (t *turn) standing(token string, arrived int64) standing {
	s := secretOf(token)
	switch {
	case t.now.is(s):
		return tokenGood
	case t.before.is(s) && (!t.seen || arrived < t.at+turnGrace):
		return tokenBefore
	}
	return tokenWrong
}

// append appends AT.SEEN.NOW.BEFORE. for the Store, the last one empty if it is zero.
func (t *turn) append(b []byte) []byte {
	b = strconv.AppendInt(b, t.at, 10)
	if t.seen {
		b = append(b, ".1."...)
	} else {
		b = append(b, ".0."...)
	}
	b = append(append(b, t.now[:]...), '.')
	if t.before != (secret{}) {
		b = append(b, t.before[:]...)
	}
	return append(b, '.')
}

// parseTurn reads the same, and returns what is behind it.
func parseTurn(text string) (t *turn, rest string, ok bool) {
	at, rest, _ := strings.Cut(text, ".")
	seen, rest, _ := strings.Cut(rest, ".")
	now, rest, _ := strings.Cut(rest, ".")
	before, rest, ok := strings.Cut(rest, ".")
	unix, valid := parseUnix(at)
	if !ok || !valid || seen != "0" && seen != "1" ||
		len(now) != len(t.now) || len(before) != 0 && len(before) != len(t.before) {
		return nil, "", false
	}
	t = &turn{at: unix, seen: seen == "1"}
	copy(t.now[:], now)
	copy(t.before[:], before)
	return t, rest, true
}
