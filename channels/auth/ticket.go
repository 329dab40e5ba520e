package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// Tickets let in, once and soon, a client that has logged in elsewhere: a page asks for one
// over HTTP and opens a WebSocket with it, where it could send no header, or shows it to
// a server that speaks no HTTP. A ticket is bound to its user, to the session that it
// was issued in, and to one purpose. The zero value is ready for one process. A Tickets
// must not be changed or copied once in use.
type Tickets struct {
	// Store keeps them. Nil means a [MemoryTickets] of its own.
	Store TicketStore

	// TTL is how long a ticket is good. 0 means 30 seconds.
	TTL time.Duration

	once  sync.Once
	store TicketStore // set by once
}

// A TicketStore keeps tickets until they are used. The interface has standard types
// only. A key is 50 characters of [A-Za-z0-9_:-], made from a hash of the ticket, so
// that whoever reads the store has none. Its methods may be called by several goroutines at
// once.
type TicketStore interface {
	// Put keeps data, less than 4 KiB, under a new key for ttl by the store's
	// own clock.
	Put(ctx context.Context, key string, data []byte, ttl time.Duration) error

	// Take removes what is kept under key and returns it, in one atomic step: of
	// many who call it at once, on however many servers, one gets it. It returns
	// nil, nil if there is nothing, or if its time is over.
	Take(ctx context.Context, key string) (data []byte, err error)
}

const defaultTicketTTL = 30 * time.Second

// A ticket is what is kept of one. The names are short for the store's sake.
type ticket struct {
	Purpose string `json:"p"`
	User    string `json:"u"`
	Backend string `json:"b"`
	Session string `json:"s,omitempty"`
	Stamp   string `json:"t,omitempty"`
	Since   int64  `json:"i"`           // Unix milliseconds
	Expires int64  `json:"e,omitempty"` // likewise; 0: never
}

const (
	maxPurpose = 1024
	maxTicket  = 4 << 10

	// ticketLen is the length of 32 random bytes in base64.
	ticketLen = 43
)

func (t *Tickets) init() {
	t.once.Do(func() {
		if t.store = t.Store; t.store == nil {
			t.store = new(MemoryTickets)
		}
	})
}

// Issue returns a ticket for the user of ctx: 43 characters of [A-Za-z0-9_-]. Purpose is
// the path of the WebSocket that it will open, see [Tickets.Scheme], or a name, such as
// that of a protocol, for what will call [Tickets.Redeem]. The errors are ErrNobody,
// ErrUnavailable, and ErrBusy when the store is full.
//
// Answer a POST with it, so that it stands in no address, and with Cache-Control:
// no-store.
func (t *Tickets) Issue(ctx context.Context, purpose string) (string, error) {
	t.init()
	if purpose == "" || len(purpose) > maxPurpose {
		return "", fmt.Errorf("auth: issue a ticket: a purpose has 1 to %d bytes", maxPurpose)
	}
	kept, err := issued(ctx)
	if err != nil {
		return "", fmt.Errorf("auth: issue a ticket: %w", err)
	}
	kept.Purpose = purpose
	data, err := json.Marshal(kept)
	if err == nil && len(data) >= maxTicket {
		err = errors.New("the user's ID is too long")
	}
	if err != nil {
		return "", fmt.Errorf("auth: issue a ticket: %w", err)
	}
	var b [32]byte
	rand.Read(b[:])
	text := base64.RawURLEncoding.EncodeToString(b[:])
	ttl := t.TTL
	if ttl <= 0 {
		ttl = defaultTicketTTL
	}
	if err := t.store.Put(ctx, ticketKey(text), data, ttl); err != nil {
		if !errors.Is(err, ErrBusy) {
			err = unavailable("keep a ticket", err)
		}
		return "", fmt.Errorf("auth: issue a ticket: %w", err)
	}
	return text, nil
}

// Redeem uses up a ticket. Whatever the reason that it is no good, it cannot be used
// again, and the error is ErrDenied; ErrMalformed if it cannot be one, and any other if
// the store failed. What is granted is for [Gate.AdoptGrant]; the gate then checks
// that the user and the session are still there.
func (t *Tickets) Redeem(ctx context.Context, text, purpose string) (Grant, error) {
	t.init()
	if !isTicket(text) {
		return Grant{}, fmt.Errorf("%w: ticket", ErrMalformed)
	}
	data, err := t.store.Take(ctx, ticketKey(text))
	if err != nil {
		return Grant{}, unavailable("take a ticket", err)
	}
	var kept ticket
	if data == nil || json.Unmarshal(data, &kept) != nil || kept.Purpose != purpose || kept.User == "" {
		return Grant{}, fmt.Errorf("%w: ticket", ErrDenied)
	}
	grant := Grant{
		UserID:  kept.User,
		Backend: kept.Backend,
		Session: kept.Session,
		Issued:  time.UnixMilli(kept.Since),
		stamp:   kept.Stamp,
		stamped: true,
	}
	if kept.Expires != 0 {
		grant.Expires = time.UnixMilli(kept.Expires)
	}
	return grant, nil
}

// Scheme lets tickets open WebSockets: with the parameter param ("ticket") in the
// address, which is taken out of it, and at the path that is the ticket's purpose. A
// client that sends a cookie must send that of the session that the ticket was issued
// in; one without needs none.
func (t *Tickets) Scheme(param string) Scheme {
	return Scheme{
		Name: "ticket",
		Take: func(r *http.Request) (string, error) {
			scope, ok := channels.ScopeFrom(r.Context())
			if !ok || scope.Protocol() != "websocket" {
				return "", ErrNotMine
			}
			text, err := TakeQuery(r, param)
			if err == nil && !isTicket(text) {
				return "", fmt.Errorf("%w: ticket", ErrMalformed)
			}
			return text, err
		},
		Verify: func(ctx context.Context, text string) (Grant, error) {
			scope, _ := channels.ScopeFrom(ctx)
			return t.Redeem(ctx, text, scope.Path())
		},
	}
}

func isTicket(text string) bool {
	if len(text) != ticketLen {
		return false
	}
	_, ok := decodeBase64(text)
	return ok
}

// ticketKey is what a ticket is kept under.
func ticketKey(text string) string {
	sum := sha256.Sum256([]byte("sluice ticket " + text))
	return "ticket:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// issued returns what a ticket keeps of the user of ctx.
func issued(ctx context.Context) (ticket, error) {
	scope, ok := channels.ScopeFrom(ctx)
	if !ok {
		return ticket{}, ErrNoConnection
	}
	st, ok := scope.Value(slotKey{}).(holder)
	if !ok {
		panic(noGate)
	}
	return st.ticket(ctx)
}

// ticket implements holder.
func (s *state[U]) ticket(ctx context.Context) (ticket, error) {
	who, err := s.resolve(ctx)
	switch {
	case err != nil:
		return ticket{}, err
	case who.id == "":
		return ticket{}, ErrNobody
	case who.backend == nil:
		return ticket{}, errors.New("the user is in no backend, which could load it again")
	}
	return ticket{
		User:    who.id,
		Backend: who.backend.name,
		Session: who.session,
		Stamp:   who.stamp,
		Since:   int64(who.since),
		Expires: int64(who.expires),
	}, nil
}
