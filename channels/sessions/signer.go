package sessions

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Signer makes and checks tokens of one purpose. Its methods may be called by
// several goroutines at once.
//
// A token is six fields, joined by dots:
//
//	1.KEYID.ISSUED.ENDS.PAYLOAD.MAC
//
// "1" is the format, KEYID names the key, the times are Unix seconds in decimal,
// PAYLOAD and MAC are base64url without padding. The MAC is HMAC-SHA256, under a
// key that HKDF-SHA256 derives from the ring's for the purpose, over the name that
// the token is bound to, the purpose and the five fields before it, each with its
// length in front. It is the text of the MAC that is compared, in constant time.
type Signer struct {
	purpose string
	keys    []*signingKey
}

type signingKey struct {
	id       string
	notAfter time.Time
	pool     sync.Pool // of *macState
}

// A macState is a keyed hash with room for its input and output.
type macState struct {
	hash hash.Hash
	buf  []byte
	text [macLen]byte
}

const (
	tokenVersion = "1"
	keyIDLen     = 8
	macLen       = 43 // 32 bytes in base64

	// skew is how far the clock of another server, which issued a token, may be
	// ahead.
	skew = 60
)

// A refusal is why a token is not good: for a log, and told to nobody else.
type refusal string

func (r refusal) Error() string        { return "invalid token: " + string(r) }
func (r refusal) Is(target error) bool { return target == ErrInvalidToken }

const (
	refusedForm    = refusal("malformed")
	refusedKey     = refusal("unknown or retired key")
	refusedMAC     = refusal("wrong MAC")
	refusedFuture  = refusal("issued in the future")
	refusedExpired = refusal("expired")
)

// Derive returns a Signer for one purpose, with keys of its own: what it signs is
// worth nothing for any other purpose. Purposes beginning with "sluice" are this
// module's own.
func (k Keyring) Derive(purpose string) *Signer {
	s := &Signer{purpose: purpose}
	if k.IsZero() {
		return s
	}
	for _, key := range k.set.keys {
		secret := derive(key.secret(), "sluice purpose "+purpose, 32)
		sk := &signingKey{id: key.id, notAfter: key.notAfter}
		sk.pool.New = func() any { return &macState{hash: hmac.New(sha256.New, secret)} }
		s.keys = append(s.keys, sk)
	}
	return s
}

// Seal returns a token that carries payload, which can be read but not changed,
// until ends, in whole seconds. Name is what it is bound to, such as a session's
// ID: Open must be given the same. The token has only characters of
// [A-Za-z0-9_.-]. Seal panics if the ring was empty.
func (s *Signer) Seal(name string, payload []byte, ends time.Time) string {
	return s.seal(name, payload, time.Now().Unix(), ends.Unix())
}

func (s *Signer) seal(name string, payload []byte, issued, ends int64) string {
	if len(s.keys) == 0 {
		panic("sessions: Seal with no key in the ring")
	}
	key := s.keys[0]
	issuedText := strconv.FormatInt(issued, 10)
	endsText := strconv.FormatInt(max(ends, 0), 10)
	payloadText := base64.RawURLEncoding.EncodeToString(payload)
	st := key.mac(name, s.purpose, issuedText, endsText, payloadText)
	defer key.pool.Put(st)
	return strings.Join([]string{tokenVersion, key.id, issuedText, endsText, payloadText, string(st.text[:])}, ".")
}

// Open returns the payload of a token that Seal made for name with one of the
// ring's keys, and that has not ended. Any other is [ErrInvalidToken]. The time
// it takes grows with the token: bound the length of what strangers send.
func (s *Signer) Open(name, token string) ([]byte, error) {
	t, err := s.open(name, token)
	if err != nil {
		return nil, err
	}
	return []byte(t.payload), nil
}

// An opened token is what was sealed, and whether not by the first key.
type opened struct {
	payload      string
	issued, ends int64
	old          bool
}

func (s *Signer) open(name, token string) (opened, error) {
	version, rest, _ := strings.Cut(token, ".")
	id, rest, _ := strings.Cut(rest, ".")
	issuedText, rest, _ := strings.Cut(rest, ".")
	endsText, rest, _ := strings.Cut(rest, ".")
	payloadText, mac, _ := strings.Cut(rest, ".")
	if version != tokenVersion || len(id) != keyIDLen || len(mac) != macLen {
		return opened{}, refusedForm
	}
	now := time.Now()
	key, old := s.key(id, now)
	if key == nil {
		return opened{}, refusedKey
	}
	st := key.mac(name, s.purpose, issuedText, endsText, payloadText)
	defer key.pool.Put(st)
	if subtle.ConstantTimeCompare(st.text[:], []byte(mac)) != 1 {
		return opened{}, refusedMAC
	}
	// From here on the token is one of ours; what it says is checked all the same.
	issued, ok1 := parseUnix(issuedText)
	ends, ok2 := parseUnix(endsText)
	payload, ok3 := st.decode(payloadText)
	switch {
	case !ok1 || !ok2 || !ok3:
		return opened{}, refusedForm
	case issued > now.Unix()+skew:
		return opened{}, refusedFuture
	case ends <= now.Unix():
		return opened{}, refusedExpired
	}
	return opened{payload, issued, ends, old}, nil
}

// key returns the key with an id, if it may verify: ids select among what is
// configured and are nothing else, so a strange one is merely not found.
func (s *Signer) key(id string, now time.Time) (k *signingKey, old bool) {
	for i, k := range s.keys {
		if k.id == id && (k.notAfter.IsZero() || now.Before(k.notAfter)) {
			return k, i > 0
		}
	}
	return nil, false
}

// Sum returns a keyed hash of data, with the ring's first key: to look up or log
// what must not be known itself. It changes when the first key does. Sum panics
// if the ring was empty.
func (s *Signer) Sum(data []byte) [sha256.Size]byte {
	if len(s.keys) == 0 {
		panic("sessions: Sum with no key in the ring")
	}
	key := s.keys[0]
	st := key.pool.Get().(*macState)
	defer key.pool.Put(st)
	st.hash.Reset()
	// One field: a token's MAC has seven, so the two cannot be taken for each other.
	st.buf = appendField(st.buf[:0], string(data))
	st.hash.Write(st.buf)
	return [sha256.Size]byte(st.hash.Sum(st.buf[:0]))
}

// mac leaves the text of a token's MAC in a state, which the caller puts back.
func (k *signingKey) mac(name, purpose, issued, ends, payload string) *macState {
	st := k.pool.Get().(*macState)
	b := appendField(st.buf[:0], name)
	b = appendField(b, purpose)
	b = appendField(b, tokenVersion)
	b = appendField(b, k.id)
	b = appendField(b, issued)
	b = appendField(b, ends)
	b = appendField(b, payload)
	st.hash.Reset()
	st.hash.Write(b)
	sum := st.hash.Sum(b[:0])
	base64.RawURLEncoding.Encode(st.text[:], sum)
	st.buf = b
	return st
}

// appendField appends a field with its length in front, so that no two lists of
// fields make the same bytes.
func appendField(b []byte, field string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
	return append(b, field...)
}

// parseUnix reads a time in the one form that Seal writes: digits without a sign
// or a leading zero, at most 11 of them (the year 5138).
func parseUnix(text string) (int64, bool) {
	if len(text) == 0 || len(text) > 11 || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	var n int64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// strict is base64url in its canonical form, but for \r and \n, which it skips.
var strict = base64.RawURLEncoding.Strict()

func hasLineBreak(text string) bool {
	return strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0
}

// decode decodes base64url in its canonical form, in the room of the state.
func (st *macState) decode(text string) (string, bool) {
	if hasLineBreak(text) {
		return "", false
	}
	encoded := append(st.buf[:0], text...)
	both, err := strict.AppendDecode(encoded, encoded)
	st.buf = both
	if err != nil {
		return "", false
	}
	return string(both[len(encoded):]), true
}

func isBase64URL(text string) bool {
	for _, c := range []byte(text) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
