package channels

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
)

// Stats are numbers of a [Server], as of a moment. Those of what has happened are
// counted from its first use.
type Stats struct {
	Sockets        int // open
	Parked         int // of them, that have no goroutine
	Groups         int // that have members in this process
	QueuedMessages int // that wait for sockets which do not take them
	QueuedBytes    int // of their payloads

	Opened   uint64                // sockets
	Closed   map[StatusCode]uint64 // sockets by the close code that was sent or received; 1006 for those that were lost
	Refused  map[string]uint64     // handshakes by status and reason, as "403 the origin is not allowed"; not those that wrappers refuse
	BytesIn  uint64                // that came over open sockets, within TLS; of another Protocol, its messages' data
	BytesOut uint64
	Dropped  uint64 // messages that were dropped as [Server.Slow] says
	Gaps     uint64 // calls of [Server.Gap], had it been set
	Missed   uint64 // messages and events that these told of
}

// String returns the numbers as JSON.
func (s Stats) String() string {
	b, _ := json.Marshal(s) // of numbers and strings: there is no error
	return string(b)
}

// Stats returns the numbers of the server. It looks at every socket, so it is for
// every few seconds; counting takes no lock that sockets share.
func (srv *Server) Stats() Stats {
	st := srv.init()
	st.mu.Lock()
	stats := st.tally
	stats.Closed, stats.Refused = maps.Clone(stats.Closed), maps.Clone(stats.Refused)
	stats.Sockets, stats.Groups = len(st.sockets), len(st.groups)
	sockets := slices.Collect(maps.Keys(st.sockets)) // none of which is in the tally
	st.mu.Unlock()
	for _, s := range sockets {
		stats.add(s)
		messages, bytes := s.out.load()
		stats.QueuedMessages += messages
		stats.QueuedBytes += bytes
		if s.conn != nil && s.conn.parked.Load() {
			stats.Parked++
		}
	}
	return stats
}

// add adds what a socket has counted.
func (s *Stats) add(socket *Socket) {
	s.BytesIn += socket.in.Load()
	s.BytesOut += socket.sent.Load()
	s.Dropped += socket.Dropped()
}

// A traffic counts the bytes of one direction. One goroutine at a time adds to it.
type traffic struct{ n atomic.Uint64 }

func (t *traffic) add(n int)    { t.n.Store(t.n.Load() + uint64(n)) }
func (t *traffic) Load() uint64 { return t.n.Load() }

// maxRefused bounds how many reasons are told apart: there are some 20.
const maxRefused = 100

// refused counts a refusal. R is nil for a connection of another Protocol.
func (srv *Server) refused(r *http.Request, he *HandshakeError) {
	key := strconv.Itoa(he.Status) + " " + he.Reason
	st := &srv.state
	st.mu.Lock()
	if _, ok := st.tally.Refused[key]; !ok && len(st.tally.Refused) >= maxRefused {
		key = strconv.Itoa(he.Status)
	}
	st.tally.Refused[key]++
	st.mu.Unlock()
	if srv.Observer != nil {
		srv.Observer.Refused(r, he)
	}
}

// opened counts a socket.
func (srv *Server) opened(s *Socket) {
	st := &srv.state
	st.mu.Lock()
	st.tally.Opened++
	st.mu.Unlock()
	if srv.Observer != nil {
		srv.Observer.Opened(s)
	}
}

// gap counts a gap and tells of it.
func (srv *Server) gap(group string, missed int) {
	st := &srv.state
	st.mu.Lock()
	st.tally.Gaps++
	st.tally.Missed += uint64(max(missed, 0))
	st.mu.Unlock()
	if srv.Gap != nil {
		srv.Gap(group, missed)
	}
	if srv.Observer != nil {
		srv.Observer.Gap(group, missed)
	}
}
