package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels/internal/roster"
)

// A Member is a connection that shows itself in a group; see [Socket.Track].
type Member struct {
	ID   string          `json:"id"`             // of this connection in this group; unique among all processes
	Key  string          `json:"key"`            // whose connection it is: a user's name, say
	Meta json.RawMessage `json:"meta,omitempty"` // shared, and not to be changed
}

// Decode parses the member's metadata into v.
func (m Member) Decode(v any) error {
	if err := json.Unmarshal(m.Meta, v); err != nil {
		return fmt.Errorf("channels: decode the metadata of %q: %w", m.Key, err)
	}
	return nil
}

// EventPresence is the type of the event that a consumer gets when the members of a
// Group that it tracks or watches have changed; its Presence says how.
const EventPresence = reservedEvents + "presence"

// Presence is a change of a group's members, who are in the order of [Server.Members].
// It is shared, and not to be changed.
type Presence struct {
	Joins  []Member `json:"joins"`  // who is new, or has other metadata than before
	Leaves []Member `json:"leaves"` // who is gone
}

// Track shows the socket in a group's presence, on every process, until Untrack or
// the end of the connection: with a key that says whose it is, of 1 to 256 bytes,
// and with metadata, a value that encoding/json can encode in at most 1 KiB; nil
// means none. To track again replaces key and metadata. A process may show 65,536
// sockets in one group; with one over that, Track fails, and the socket only watches.
//
// It also watches, as Watch does. Presence does not depend on [Socket.Join]: a group
// is a name, and a socket that only receives its messages is not shown.
func (s *Socket) Track(ctx context.Context, group, key string, meta any) error {
	if key == "" || len(key) > roster.MaxKey || !utf8.ValidString(key) {
		return fmt.Errorf("channels: track: a key is 1 to %d bytes of UTF-8", roster.MaxKey)
	}
	m := &Member{Key: key}
	if meta != nil {
		b, err := json.Marshal(meta)
		if err != nil {
			return fmt.Errorf("channels: track: encode the metadata: %w", err)
		}
		if len(b) > roster.MaxMeta {
			return fmt.Errorf("channels: track: the metadata has %d bytes, of %d that are allowed", len(b), roster.MaxMeta)
		}
		m.Meta = b
	}
	return s.attend(ctx, group, m)
}

// Watch lets the socket's consumer, if it is an [EventReceiver], have an
// [EventPresence] when the members of a group change, without being shown itself; a
// socket that tracks does not any more. Each event has all changes since the one
// before; when there are many, they are gathered for a tenth of a second. What [Server.Members] has returned
// after Watch, changed by all events since, by their IDs, is what it would return now;
// to call it at each event does as well.
func (s *Socket) Watch(ctx context.Context, group string) error {
	return s.attend(ctx, group, nil)
}

// Untrack ends what Track or Watch began.
func (s *Socket) Untrack(groups ...string) {
	for _, name := range groups {
		s.mu.Lock()
		a := s.present[name]
		delete(s.present, name)
		s.mu.Unlock()
		if a != nil {
			a.remove(s)
		}
	}
}

func (s *Socket) untrackAll() {
	s.mu.Lock()
	present := s.present
	s.present = nil
	s.mu.Unlock()
	for _, a := range present {
		a.remove(s)
	}
}

// Members returns who is in a group, on every process, ordered by key. Each
// connection is a member of its own: to have each key once, use
//
//	slices.CompactFunc(members, func(a, b channels.Member) bool { return a.Key == b.Key })
//
// A process that has no socket that tracks or watches the group asks the others, and
// waits a tenth of [Server.Heartbeat] for their answers. One that has some knows the
// members, and Members returns at once; that includes the first moments in which the
// others' answers are on their way, each of which is an [EventPresence].
//
// Everybody learns of a join and a leave as soon as the [Layer] has carried it. If a
// message was lost, it is made good within 1.5 heartbeats; a process that was killed
// or cut off takes its members with it within 4 heartbeats. What the layer carries is
// trusted: whoever can publish on it can add members.
func (srv *Server) Members(ctx context.Context, group string) ([]Member, error) {
	if !validGroup(group) {
		return nil, errGroupName
	}
	st := srv.init()
	if a := st.presences.lookup(group); a != nil && !a.empty() {
		return a.members(), nil
	}
	if srv.Layer == nil {
		return nil, nil
	}
	a, err := srv.follow(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("channels: members of %s: %w", group, err)
	}
	defer srv.unfollow(a)
	if wait := a.answersIn(); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-st.ctx.Done():
			return nil, ErrDraining
		}
	}
	return a.members(), nil
}

const (
	defaultHeartbeat = 10 * time.Second
	minHeartbeat     = 100 * time.Millisecond
)

// heartbeat returns the interval, or 0 when there is nobody to hear it.
func (srv *Server) heartbeat() time.Duration {
	switch {
	case srv.Layer == nil:
		return 0
	case srv.Heartbeat <= 0:
		return defaultHeartbeat
	}
	return max(srv.Heartbeat, minHeartbeat)
}

var errManyMembers = errors.New("channels: too many members of one process in a group")

// attend makes the socket one that m shows in the group, or one that only watches.
func (s *Socket) attend(ctx context.Context, name string, m *Member) error {
	if !validGroup(name) {
		return errGroupName
	}
	a, err := s.srv.follow(ctx, name)
	if err == nil {
		err = a.add(s, m)
		s.srv.unfollow(a)
	}
	if err != nil {
		return fmt.Errorf("channels: presence in %s: %w", name, err)
	}
	return nil
}

func toMembers(entries []*roster.Entry) []Member {
	members := make([]Member, len(entries))
	for i, e := range entries {
		members[i] = Member{ID: e.ID, Key: e.Key, Meta: e.Meta}
	}
	return members
}

// members returns the members, sorted.
func (a *attendance) members() []Member {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sorted == nil || a.sortedAt != a.roster.Changes() {
		a.sorted = toMembers(a.roster.List())
		a.sortedAt = a.roster.Changes()
	}
	return slices.Clone(a.sorted)
}
