package roster

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// A message is:
//
//	format     1 byte: 1
//	kind       1 byte
//	node       8 bytes: who sends it
//	heartbeat  uvarint: its interval of beats, in milliseconds
//
// and then, with all numbers uvarints:
//
//	beat       version, number of entries
//	ask        8 bytes: which node; 0 means all
//	state      version, number of parts, number of this part from 0, entries
//	delta      version, entries that are new or have changed or are gone
//	bye        version
//
// An entry is its number doubled, and 1 more if it is there: then the lengths of the
// key and of the metadata follow, and these.
const (
	format = 1

	kindBeat  = 'b'
	kindAsk   = 'a'
	kindState = 's'
	kindDelta = 'd'
	kindBye   = 'x'
)

// maxMessage is the size above which a message of entries is cut into several. A
// layer's limit is 1 MiB.
const maxMessage = 256 << 10

const (
	shortestBeat = 10 * time.Millisecond
	longestBeat  = 10 * time.Minute
	maxParts     = 1 << 10
)

type message struct {
	kind      byte
	node      uint64
	heartbeat time.Duration
	version   uint64
	count     int
	target    uint64
	parts     uint64
	part      uint64
	rest      reader // the entries of a state or a delta
}

// A numbered entry is one with its number; no entry means that it is gone.
type numbered struct {
	number uint64
	entry  *Entry
}

// A reader reads what others have written. Once something was not there, bad is
// true and all that is read is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) node() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// parse reads a message, but not its entries yet: most states are for others.
func parse(b []byte) (message, bool) {
	if len(b) < 2 || b[0] != format {
		return message{}, false
	}
	r := reader{b: b[2:]}
	m := message{kind: b[1], node: r.node()}
	m.heartbeat = time.Duration(min(r.uvarint(), uint64(longestBeat/time.Millisecond))) * time.Millisecond
	m.heartbeat = max(m.heartbeat, shortestBeat)
	if m.kind == kindAsk {
		m.target = r.node()
		return m, m.node != 0 && !r.bad && len(r.b) == 0
	}
	m.version = r.uvarint()
	switch m.kind {
	case kindBeat:
		m.count = int(min(r.uvarint(), MaxOwn))
	case kindState:
		m.parts, m.part = r.uvarint(), r.uvarint()
		r.bad = r.bad || m.parts > maxParts || m.part >= m.parts
		m.rest = r
		return m, m.node != 0 && !r.bad
	case kindDelta:
		m.rest = r
		return m, m.node != 0 && !r.bad
	case kindBye:
	default:
		return m, false
	}
	return m, m.node != 0 && !r.bad && len(r.b) == 0
}

// entries reads the entries of a state or a delta. It reports false, and returns
// nothing, when one of them is malformed.
func (m *message) entries() ([]numbered, bool) {
	var changes []numbered
	for r := m.rest; len(r.b) > 0 || r.bad; {
		v := r.uvarint()
		c := numbered{number: v >> 1}
		if v&1 == 1 {
			key, meta := r.uvarint(), r.uvarint()
			e := &Entry{ID: entryID(m.node, c.number), Key: string(r.take(key))}
			if b := r.take(meta); len(b) > 0 {
				e.Meta = slices.Clone(b) // not the whole message
			}
			if key > MaxKey || meta > MaxMeta || !utf8.ValidString(e.Key) || e.Meta != nil && !json.Valid(e.Meta) {
				return nil, false
			}
			c.entry = e
		}
		if r.bad {
			return nil, false
		}
		changes = append(changes, c)
	}
	return changes, true
}

func (r *Roster) head(kind byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte{format, kind}, r.Node)
	return binary.AppendUvarint(b, uint64(r.Heartbeat/time.Millisecond))
}

func (r *Roster) ask(node uint64) []byte {
	return binary.BigEndian.AppendUint64(r.head(kindAsk), node)
}

func (r *Roster) beat() []byte {
	b := binary.AppendUvarint(r.head(kindBeat), r.version)
	return binary.AppendUvarint(b, uint64(len(r.own)))
}

// Bye returns the message that ends this roster, or nil if the others have not heard
// of it.
func (r *Roster) Bye() []byte {
	if !r.begun {
		return nil
	}
	return binary.AppendUvarint(r.head(kindBye), r.version)
}

// appendState appends the messages that are the own state.
func (r *Roster) appendState(out [][]byte) [][]byte {
	parts := r.entries(slices.Sorted(maps.Keys(r.own)))
	if len(parts) == 0 {
		parts = [][]byte{nil}
	}
	for i, part := range parts {
		b := binary.AppendUvarint(r.head(kindState), r.version)
		b = binary.AppendUvarint(b, uint64(len(parts)))
		b = binary.AppendUvarint(b, uint64(i))
		out = append(out, append(b, part...))
	}
	return out
}

// appendDeltas appends the messages that tell what has changed.
func (r *Roster) appendDeltas(out [][]byte) [][]byte {
	for _, part := range r.entries(slices.Sorted(maps.Keys(r.changed))) {
		r.version++
		b := binary.AppendUvarint(r.head(kindDelta), r.version)
		out = append(out, append(b, part...))
	}
	return out
}

// entries encodes own entries, in parts that fit a message.
func (r *Roster) entries(numbers []uint64) (parts [][]byte) {
	var b []byte
	for _, number := range numbers {
		if len(b) > maxMessage-MaxKey-MaxMeta-64 {
			parts = append(parts, b)
			b = nil
		}
		e := r.own[number]
		if e == nil {
			b = binary.AppendUvarint(b, number<<1)
			continue
		}
		b = binary.AppendUvarint(b, number<<1|1)
		b = binary.AppendUvarint(b, uint64(len(e.Key)))
		b = binary.AppendUvarint(b, uint64(len(e.Meta)))
		b = append(append(b, e.Key...), e.Meta...)
	}
	if len(b) > 0 {
		parts = append(parts, b)
	}
	return parts
}
