package channels

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Disconnect closes every socket that has tag, on every process, with 3000
// (unauthorized) and reason, which the clients see. When it returns, no frame is
// begun to or from those of this process any more, and their contexts are
// cancelled; those of other processes follow as soon as the layer has told them.
// An error means that other processes may not have been told.
func (srv *Server) Disconnect(ctx context.Context, tag, reason string) error {
	if tag == "" {
		return errors.New("channels: disconnect: the tag is empty")
	}
	reason = trimReason(reason)
	srv.disconnectLocal(tag, reason)
	if srv.Layer == nil {
		return nil
	}
	b := appendPrefixed(newEnvelope(kindDisconnect, 1+len(reason)+len(tag)), reason)
	if err := srv.publish(ctx, disconnectTopic, append(b, tag...)); err != nil {
		return fmt.Errorf("channels: disconnect on other processes: %w", err)
	}
	return nil
}

// recentTime is how long a disconnected tag is remembered: for a handshake that was
// under way, whose user was found before the disconnect, and whose socket is admitted
// after it.
const recentTime = 10 * time.Second

func (srv *Server) disconnectLocal(tag, reason string) {
	st := srv.init()
	st.mu.Lock()
	now := time.Now()
	if now.Sub(st.pruned) > recentTime {
		st.pruned = now
		maps.DeleteFunc(st.recent, func(_ string, at time.Time) bool { return now.Sub(at) > recentTime })
	}
	st.recent[tag] = now
	var sockets []*Socket
	if set := st.tags[tag]; set != nil {
		sockets = slices.Clone(set.list)
	}
	st.mu.Unlock()
	for _, s := range sockets {
		s.end(&CloseError{Code: StatusUnauthorized, Reason: reason}, false)
	}
}

// subscribeDisconnects subscribes to disconnects from other processes, at the first
// socket. A server that cannot hear them serves nobody.
func (srv *Server) subscribeDisconnects(ctx context.Context) error {
	st := &srv.state
	if srv.Layer == nil || st.subscribed.Load() {
		return nil
	}
	// From here on, and not from when its turn comes: while the layer cannot be reached,
	// nobody waits for the failure of those before.
	ctx, stop := context.WithTimeout(ctx, subscribeTimeout)
	defer stop()
	select {
	case st.subscribing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("channels: subscribe to disconnects: %w", context.Cause(ctx))
	}
	defer func() { <-st.subscribing }()
	if st.disconnect != nil {
		return nil
	}
	cancel, err := srv.listen(ctx, disconnectTopic, func(kind byte, body []byte) {
		switch kind {
		case kindDisconnect:
			if reason, tag, ok := cutPrefixed(body); ok && len(tag) > 0 {
				srv.disconnectLocal(string(tag), reason)
			}
		case kindRecheck:
			srv.recheckLocal(string(body))
		}
	}, func(int) { srv.recheckNow() }) // a disconnect may have been lost: ask instead
	if err != nil {
		return fmt.Errorf("channels: subscribe to disconnects: %w", err)
	}
	st.disconnect = cancel
	st.subscribed.Store(true)
	return nil
}
