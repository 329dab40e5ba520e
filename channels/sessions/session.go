package sessions

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A Session is what is remembered about one browser: keys with values, encoded
// as JSON. It is loaded once for a request or connection, and its methods may be
// called by several goroutines at once. It prints as its ID.
//
// A socket keeps it for as long as it lives: what few have, or only for the time of
// the request, is behind a pointer.
type Session struct {
	rules  *rules
	stored *stored // where it is in the Store; nil without one

	mu      sync.Mutex // guards the fields below, and those of stored but lock
	cookies *[]string  // the request's Cookie headers, while they may be needed
	out     *outgoing  // what is to go out, see outbox; nil: nothing

	saved *record // as the client or the Store has it; nil: as it is
	now   record  // as it is

	sent      bool // the client sent the cookie, of whatever worth
	resolved  bool // it is known what the cookie is worth
	committed bool // the response's header is out: no cookie can be set
	ended     bool // Destroy was called: the client's cookie is to go
	owned     bool // now.values is not shared with saved
	exists    bool // saved is something
	renew     bool // Renew was called since it was saved
	expiry    bool // SetExpiry was called since it was saved

	few [2]entry // room for what a cookie has, which is mostly one value
}

// A stored is what a Session has beside when it is in a Store.
type stored struct {
	lock     chan struct{} // held across calls of the Store
	arrived  int64         // Unix seconds: when the request came
	token    string        // what the client has; forgotten once no cookie can be set
	standing standing      // what that was worth
	reused   *Session      // what was ended because a former token was shown
	key      string        // what it is saved under
	version  uint64        // what is there
	endKey   string        // what Destroy left to delete
	changes  int           // counts Destroy and Reload, which overtake a Save
}

// An outgoing is what a Session has for the response and for the log.
type outgoing struct {
	line  string   // Set-Cookie
	notes []string // for the log, by unlock
}

func newSession(rules *rules, arrived int64, cookies *[]string) *Session {
	if rules.store == nil {
		return &Session{rules: rules, cookies: cookies}
	}
	s := &struct {
		Session
		room stored
	}{Session: Session{rules: rules, cookies: cookies}}
	s.room = stored{lock: make(chan struct{}, 1), arrived: arrived}
	s.stored = &s.room
	return &s.Session
}

// outbox returns what is to go out, to be changed.
func (s *Session) outbox() *outgoing {
	if s.out == nil {
		s.out = new(outgoing)
	}
	return s.out
}

// line returns the Set-Cookie line that is to go out, or nothing.
func (s *Session) line() string {
	if s.out == nil {
		return ""
	}
	return s.out.line
}

func (s *Session) setLine(line string) {
	if line != "" || s.out != nil {
		s.outbox().line = line
	}
}

// base returns the session as it was saved.
func (s *Session) base() *record {
	if s.saved == nil {
		return &s.now
	}
	return s.saved
}

// keep notes what was saved, before now is changed.
func (s *Session) keep() {
	if s.saved == nil {
		saved := s.now
		s.saved = &saved
	}
}

// Get returns the value of key as a T: what encoding/json makes of it. It returns
// false when there is none, when it is null, or when it is no T.
func Get[T any](s *Session, key string) (value T, ok bool) {
	s.mu.Lock()
	raw, ok := find(s.now.values, key)
	s.mu.Unlock()
	if !ok || raw == "null" {
		return value, false
	}
	if text, ok := any(&value).(*string); ok && raw[0] == '"' && strings.IndexByte(raw, '\\') < 0 {
		*text = raw[1 : len(raw)-1]
		if s.rules.store != nil { // whose sessions may be large, and would be kept by it
			*text = strings.Clone(*text)
		}
		return value, true
	}
	if getPlain(raw, &value) {
		return value, true
	}
	return getJSON[T](raw)
}

// getPlain reads the usual types without encoding/json, whose work they would
// otherwise be at each handshake.
func getPlain(raw string, value any) bool {
	switch p := value.(type) {
	case *bool:
		*p = raw == "true"
		return raw == "true" || raw == "false"
	case *int:
		n, err := strconv.Atoi(raw)
		*p = n
		return err == nil
	case *int64:
		n, err := strconv.ParseInt(raw, 10, 64)
		*p = n
		return err == nil
	}
	return false
}

func getJSON[T any](raw string) (T, bool) {
	var value, zero T
	if json.Unmarshal([]byte(raw), &value) != nil {
		return zero, false
	}
	return value, true
}

// Set sets key to what encoding/json makes of value; a nil value reads as none.
// A value equal to the present one is no change. It is an error if json makes
// nothing of it, if key is empty or no UTF-8, and [ErrDetached] if the change
// could not be saved any more; then nothing is changed.
func (s *Session) Set(key string, value any) error {
	if key == "" || !utf8.ValidString(key) {
		return errors.New("sessions: set: the key must be valid UTF-8 and not empty")
	}
	raw, err := encodeValue(value)
	if err != nil {
		return fmt.Errorf("sessions: set %q: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if present, ok := find(s.now.values, key); ok && present == raw {
		return nil
	}
	if !s.savable() {
		return fmt.Errorf("set %q: %w", key, ErrDetached)
	}
	if len(s.now.values) >= maxKeys {
		return fmt.Errorf("set %q: %w: more than %d keys", key, ErrTooLarge, maxKeys)
	}
	s.begin()
	s.change(key, raw)
	return nil
}

// Delete removes key.
func (s *Session) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := find(s.now.values, key); ok {
		s.change(key, "")
	}
}

// change sets or removes a key of a list that belongs to the session alone.
func (s *Session) change(key, raw string) {
	s.keep()
	if !s.owned {
		s.now.values = slices.Clone(s.now.values)
		s.owned = true
	}
	s.now.values = with(s.now.values, key, raw)
}

// savable reports whether a change can still be saved: until the header is sent;
// afterwards when it is a Store's and the client has its token already.
func (s *Session) savable() bool {
	return !s.committed || s.stored != nil && s.stored.key != "" && !s.renew
}

// begin makes a session of one that does not exist.
func (s *Session) begin() {
	if s.now.id != "" {
		return
	}
	s.keep()
	s.now.id = rand.Text()
	if s.now.mode == 0 {
		s.live(modeManager, s.rules.lifetime)
	}
}

// live gives the session a life from now on.
func (s *Session) live(mode byte, seconds int64) {
	s.keep()
	s.now.issued = time.Now().Unix()
	s.now.mode, s.now.ends = mode, s.now.issued+seconds
}

// Keys returns the keys that are set, sorted.
func (s *Session) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]string, len(s.now.values))
	for i, e := range s.now.values {
		keys[i] = e.key
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

// ID returns the session's public name, for logs and for the tags of a
// channels.Guard: random, not secret, made when something is first set, the same
// after Renew, another one after Destroy. It is empty for a session that does not
// exist.
func (s *Session) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.id
}

// IsNew reports whether the session has never been saved.
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.exists
}

// Expires returns when the session ends unless it is used again, in whole
// seconds. It is zero for a session that does not exist.
func (s *Session) Expires() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.id == "" {
		return time.Time{}
	}
	r := s.now
	if !s.committed && s.touchDue() {
		r.issued = time.Now().Unix() // as the response will record
	}
	return time.Unix(r.expires(s.rules.idle), 0)
}

// SetExpiry gives this session a life of its own ("remember me"): with d > 0 it
// ends d from now, at least a second and at most 400 days, is kept when the
// browser is closed, and IdleTimeout does not apply. 0 makes it end with the
// browser, or by the Manager's Lifetime and IdleTimeout. A negative d returns to
// the Manager's rules.
//
// In a Store such a session is watched for theft: see [Session.Reused].
func (s *Session) SetExpiry(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case d > 0:
		s.live(modeOwn, int64(max(min(d, maxLife), time.Second)/time.Second))
	case d == 0 && s.now.mode != modeBrowser:
		s.live(modeBrowser, s.rules.lifetime)
	case d < 0 && s.now.mode != modeManager:
		s.live(modeManager, s.rules.lifetime)
	default:
		return
	}
	s.expiry = s.now.id != ""
}

// Renew gives the session a new token and a new Lifetime, and ends the old token;
// the data and the ID stay. It belongs wherever somebody's rights change: at
// login, after a changed password. With all data in the cookie there is no token,
// and the old cookie cannot be taken back.
func (s *Session) Renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.exists {
		return // it will get a token of its own
	}
	s.renew = true
	if s.now.mode != modeOwn {
		s.live(s.now.mode, s.rules.lifetime)
	}
}

// Reused returns the session that the client's token was of, if it was ended because the
// token is a former one, and nil otherwise. It is for reading only.
//
// The cookie of a session with a life of its own (SetExpiry) may lie about for months.
// In a Store its token is therefore replaced while the session is used, 10 minutes after
// the last time. A former one is good for a minute after that, for requests that were
// sent with it, and for as long as nobody has shown the new one, which may have been
// lost on the way. From then on whoever comes with a former token has copied the cookie, or
// is the one who was robbed: nothing tells which, so the session ends for both.
func (s *Session) Reused() *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored == nil {
		return nil
	}
	return s.stored.reused
}

// Destroy ends the session: its data and its token. What is set afterwards makes
// a new one. With all data in the cookie the browser is told to forget it; a copy
// of it stays good until it expires.
func (s *Session) Destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || s.exists || s.sent
	if st := s.stored; st != nil {
		st.changes++
		if st.key != "" {
			st.endKey = st.key
		}
	}
	s.clear()
}

// clear forgets everything about the session but what Destroy left to do.
func (s *Session) clear() {
	s.saved, s.now = nil, record{}
	s.owned, s.exists, s.renew, s.expiry = false, false, false, false
	s.setLine("")
	if st := s.stored; st != nil {
		st.token, st.standing, st.key, st.version = "", tokenWrong, "", 0
	}
}

// adopt takes r for what is saved.
func (s *Session) adopt(r record) {
	s.saved, s.now = nil, r
	s.owned, s.renew, s.expiry, s.exists = false, false, false, true
}

// dirty reports whether there is something to save.
func (s *Session) dirty() bool {
	return s.renew || s.expiry || s.owned && !sameEntries(s.now.values, s.base().values)
}

// touchDue reports whether an unchanged session is to be saved, because it was
// used, or with the first key.
func (s *Session) touchDue() bool {
	if !s.exists {
		return false
	}
	used := s.rules.idle > 0 && s.now.mode != modeOwn &&
		time.Now().Unix()-s.now.issued >= s.rules.idle/10
	return used || s.now.oldKey || s.stored != nil && s.stored.standing == tokenGood && !s.now.turn.seen
}

// turnDue reports whether the client is to get another token, because the session is
// remembered and its token was used for a while, or because the client never got the
// one that it was given.
func (s *Session) turnDue() bool {
	st := s.stored
	if st == nil || !s.exists || s.committed || st.token == "" || s.line() != "" || s.now.mode != modeOwn {
		return false
	}
	age := time.Now().Unix() - s.now.turn.at
	return st.standing == tokenGood && age >= turnAfter || st.standing == tokenBefore && age >= turnGrace
}

// maxAge returns how long the browser is to keep the cookie, in seconds; 0: until
// it is closed.
func (s *Session) maxAge(r *record) int64 {
	if r.mode == modeBrowser || r.mode == modeManager && s.rules.browser {
		return 0
	}
	return max(r.ends-time.Now().Unix(), 1)
}
