package sessions

// What the tests see of the inside.

// SealAt is Seal with the times chosen.
func SealAt(s *Signer, name string, payload []byte, issued, ends int64) string {
	return s.seal(name, payload, issued, ends)
}

// CookieValue is how a request's Cookie headers are read.
var CookieValue = cookieValue

// ParseObject reads a session's JSON and writes it again.
func ParseObject(text string) (rewritten string, ok bool) {
	list, ok := parseObject(text, nil)
	return string(appendObject(nil, list)), ok
}

// StoreKey is the key of a token in a Store.
var StoreKey = storeKey

// ParseStored reads what a Store has and writes it again.
func ParseStored(data string) (rewritten string, ok bool) {
	var r record
	if !r.parseStored([]byte(data)) {
		return "", false
	}
	return string(r.appendStored(nil)), true
}

// Turn is what a Store has of a token that was given out at a time.
func Turn(token string, at int64) string {
	t := newTurn(token)
	t.at = at
	return string(t.append(nil))
}

// Saves returns how often a MemoryStore was written to; 0 without one.
func Saves(m *Manager) uint64 {
	if store, ok := m.Store.(*MemoryStore); ok {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.version
	}
	return 0
}
