package conform

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// A transcript is what went over a connection, in order, as a reader of a failure
// needs it: of payloads only the beginning is kept, of many frames the first and
// the last.
type transcript struct {
	start time.Time

	mu      sync.Mutex
	entries []entry // guarded by mu
	dropped int     // guarded by mu: entries left out behind the first keep
}

// An entry is one of a frame, bytes that are no frame, and a remark.
type entry struct {
	from  string
	after time.Duration
	frame *frame
	have  int  // bytes of the frame's payload that were there
	wrong bool // the frame breaks a rule
	bytes []byte
	note  string
}

// keep is how many entries are kept at each end.
const keep = 20

func (t *transcript) frame(from string, f frame) {
	n, have := f.size(), len(f.payload)
	f.announce = &n
	f.payload = append([]byte(nil), f.payload[:min(len(f.payload), shown+1)]...)
	t.add(entry{from: from, frame: &f, have: have})
}

func (t *transcript) text(from string, b []byte) {
	t.add(entry{from: from, bytes: append([]byte(nil), b...)})
}

func (t *transcript) note(format string, args ...any) {
	t.add(entry{note: fmt.Sprintf(format, args...)})
}

func (t *transcript) add(e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.after = time.Since(t.start)
	t.entries = append(t.entries, e)
	if len(t.entries) > 2*keep {
		t.entries = append(t.entries[:keep], t.entries[keep+1:]...)
		t.dropped++
	}
}

// blame marks the last frame as one that breaks a rule.
func (t *transcript) blame() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.entries) - 1; i >= 0; i-- {
		if t.entries[i].frame != nil {
			t.entries[i].wrong = true
			return
		}
	}
}

// String draws everything; who sends is written in front of each line.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s strings.Builder
	header := false
	for i, e := range t.entries {
		if i == keep && t.dropped > 0 {
			fmt.Fprintf(&s, "              … %d more …\n", t.dropped)
		}
		switch {
		case e.frame != nil:
			if !header {
				s.WriteString("              " + drawn + "\n")
				header = true
			}
			fmt.Fprintf(&s, "  %-10s  %s", e.from, e.frame.draw(e.have))
			if e.wrong {
				s.WriteString("  <- wrong")
			}
			s.WriteByte('\n')
		case e.bytes != nil:
			fmt.Fprintf(&s, "  %-10s  %s", e.from, strings.TrimLeft(drawText(e.bytes, "              "), " "))
		default:
			fmt.Fprintf(&s, "  after %v: %s\n", e.after.Round(100*time.Microsecond), e.note)
		}
	}
	return s.String()
}
