package sessions

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// An entry is one key of a session and its value as JSON. Lists of entries are not
// changed once they are shared between a session and what it was loaded from.
type entry struct{ key, raw string }

var errUnstorable = errors.New("not JSON in valid UTF-8, nested less than 64 levels deep")

// The limits of a session's JSON, far above what an application needs.
const (
	maxKeys  = 1024
	maxDepth = 64
)

func find(list []entry, key string) (raw string, ok bool) {
	for i := range list {
		if list[i].key == key {
			return list[i].raw, true
		}
	}
	return "", false
}

// with returns list with key set to raw, or without key when raw is empty. It may
// change list.
func with(list []entry, key, raw string) []entry {
	i := slices.IndexFunc(list, func(e entry) bool { return e.key == key })
	switch {
	case i < 0 && raw == "":
		return list
	case i < 0:
		return append(list, entry{key, raw})
	case raw == "":
		return slices.Delete(list, i, i+1)
	}
	list[i].raw = raw
	return list
}

// sameEntries compares without regard to order.
func sameEntries(a, b []entry) bool {
	if len(a) != len(b) {
		return false
	}
	for _, e := range a {
		if raw, ok := find(b, e.key); !ok || raw != e.raw {
			return false
		}
	}
	return true
}

// changedKeys yields what was changed from base to ours, with the new text, empty
// for a key that was removed.
func changedKeys(base, ours []entry) iter.Seq2[string, string] {
	return func(yield func(key, raw string) bool) {
		for _, e := range ours {
			if was, _ := find(base, e.key); was != e.raw && !yield(e.key, e.raw) {
				return
			}
		}
		for _, e := range base {
			if _, ok := find(ours, e.key); !ok && !yield(e.key, "") {
				return
			}
		}
	}
}

// conflict returns a key that was changed both from base to ours and from base to
// theirs, and not to the same.
func conflict(base, ours, theirs []entry) (key string, ok bool) {
	for key, raw := range changedKeys(base, ours) {
		was, _ := find(base, key)
		if now, _ := find(theirs, key); now != was && now != raw {
			return key, true
		}
	}
	return "", false
}

// apply returns onto with the changes that were made from base to ours.
func apply(base, ours, onto []entry) []entry {
	onto = slices.Clone(onto)
	for key, raw := range changedKeys(base, ours) {
		onto = with(onto, key, raw)
	}
	return onto
}

// encodeValue returns value as JSON that parseObject will accept.
func encodeValue(value any) (string, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	text := string(b)
	if !utf8.ValidString(text) || endOfValue(text, 0, maxDepth-1) != len(text) {
		return "", errUnstorable
	}
	return text, nil
}

// appendObject appends list as a JSON object.
func appendObject(b []byte, list []entry) []byte {
	b = append(b, '{')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, e.key)
		b = append(b, ':')
		b = append(b, e.raw...)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		quoted, _ := json.Marshal(s) // a string cannot fail
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// parseObject splits a JSON object into its keys and the text of their values. It
// takes one form only: no white space, valid UTF-8, no key twice, no more keys
// and no deeper nesting than this package writes. They are appended to list, which is
// empty.
func parseObject(text string, list []entry) ([]entry, bool) {
	if !utf8.ValidString(text) || !strings.HasPrefix(text, "{") {
		return nil, false
	}
	if text == "{}" {
		return nil, true
	}
	for at := 1; len(list) < maxKeys; {
		from := endOfKey(text, at)
		if from < 0 {
			return nil, false
		}
		end := endOfValue(text, from, maxDepth-1)
		if end < 0 || end == len(text) {
			return nil, false
		}
		key := unquote(text[at : from-1])
		if _, twice := find(list, key); twice {
			return nil, false
		}
		list = append(list, entry{key, text[from:end]})
		if text[end] != ',' {
			return list, text[end:] == "}"
		}
		at = end + 1
	}
	return nil, false
}
