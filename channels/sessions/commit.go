package sessions

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// saveTimeout bounds the calls of a Store that a response waits for. They go on
// when the client has gone: what was done for it is done.
const saveTimeout = 10 * time.Second

// What a save may do.
type saveKind int

const (
	saveAll    saveKind = iota
	saveQuiet           // no new token: the response sets no cookie
	saveEnding          // only what Destroy left to do
)

// kindOf returns what a response may save.
func kindOf(r *http.Request, status int) saveKind {
	switch {
	case status >= 500, refusedHandshake(r, status):
		return saveEnding
	case setsNoCookie(r, status):
		return saveQuiet
	}
	return saveAll
}

// setsNoCookie reports whether a response makes no session and sets no cookie: one
// to a method that asks for nothing to be done (RFC 9110, Section 9.2.1), one
// that says that there is nothing new, and the refusal of a WebSocket handshake.
func setsNoCookie(r *http.Request, status int) bool {
	switch r.Method {
	case http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return status == http.StatusNotModified || refusedHandshake(r, status)
}

func refusedHandshake(r *http.Request, status int) bool {
	if status == http.StatusSwitchingProtocols || status < 300 {
		return false
	}
	scope, ok := channels.ScopeFrom(r.Context())
	return ok && scope.Protocol() == "websocket"
}

// acceptedHandshake reports whether the connection outlives its request.
func acceptedHandshake(r *http.Request, status int) bool {
	return status == http.StatusSwitchingProtocols || r.Method == http.MethodConnect && status < 300
}

// commit saves the session before a header with status is written, and puts into
// the header what is the session's.
func (s *Session) commit(r *http.Request, h http.Header, status int) error {
	kind := kindOf(r, status)
	var err error
	if s.rules.store != nil {
		err = s.commitStore(r.Context(), kind)
	}
	s.mu.Lock()
	defer s.unlock()
	if err == nil && s.rules.store == nil {
		err = s.commitCookie(kind)
	}
	if err != nil || setsNoCookie(r, status) {
		s.setLine("")
	}
	line := s.line()
	if line != "" {
		h.Add("Set-Cookie", line)
	}
	if err == nil && kind != saveAll && s.dirty() {
		if r.Method != http.MethodHead {
			s.note(fmt.Sprintf("a change was dropped: a response to %s with status %d saves none", r.Method, status))
		}
		s.revert()
	}
	socket := acceptedHandshake(r, status)
	if s.resolved && !socket {
		protectCache(h, line != "")
	}
	if socket {
		s.detach()
	}
	s.committed = true
	if s.stored != nil {
		s.stored.token = ""
	}
	return err
}

// commitCookie makes the line of a session that is all in the cookie.
func (s *Session) commitCookie(kind saveKind) error {
	switch {
	case kind == saveAll && (s.dirty() || s.ended || s.line() != ""):
		return s.saveCookie()
	case kind == saveAll && s.touchDue():
		if err := s.seal(); err != nil {
			s.note("the use of a session was not recorded: " + err.Error())
		}
	case kind == saveEnding && s.ended && s.line() == "":
		s.setLine(s.rules.cookie.expire())
	}
	return nil
}

// commitStore brings the Store up to date.
func (s *Session) commitStore(ctx context.Context, kind saveKind) error {
	s.mu.Lock()
	needed := s.resolved && (s.ended || kind != saveEnding && (s.dirty() || s.touchDue() || s.turnDue()))
	s.mu.Unlock()
	if !needed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := s.lockStore(ctx); err != nil {
		return err
	}
	defer s.unlockStore()
	if err := s.saveStore(ctx, kind); err != nil || kind != saveAll {
		return err
	}
	s.touch(ctx)
	return nil
}

// late saves what was changed after the header was written, as far as that can be
// done without a cookie.
func (s *Session) late(ctx context.Context) {
	s.mu.Lock()
	needed := s.resolved && (s.dirty() || s.stored != nil && s.stored.endKey != "")
	s.mu.Unlock()
	if !needed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := s.Save(ctx); err != nil {
		s.rules.log().ErrorContext(ctx, "sessions: a change that was made after the header was written is lost", "err", err)
	}
}
