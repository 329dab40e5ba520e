package auth

import (
	"context"
	"sync"
	"time"
)

// MemoryTickets is a [TicketStore] for one process. The zero value is ready. It keeps up
// to 100,000 tickets, some 30 MB, and refuses more with ErrBusy.
type MemoryTickets struct {
	mu      sync.Mutex // guards the fields below
	tickets map[string]keptTicket
	sweep   time.Time // when to look for expired ones again
}

type keptTicket struct {
	data    []byte
	expires time.Time
}

const maxTickets = 100_000

// Put implements [TicketStore].
func (m *MemoryTickets) Put(_ context.Context, key string, data []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.drop(now)
	if len(m.tickets) >= maxTickets {
		return ErrBusy
	}
	if m.tickets == nil {
		m.tickets = make(map[string]keptTicket)
	}
	m.tickets[key] = keptTicket{append([]byte(nil), data...), now.Add(ttl)}
	return nil
}

// drop forgets what has expired, every 30 seconds, and when there is no room left
// every second.
func (m *MemoryTickets) drop(now time.Time) {
	if now.Before(m.sweep) {
		return
	}
	for key, kept := range m.tickets {
		if !now.Before(kept.expires) {
			delete(m.tickets, key)
		}
	}
	m.sweep = now.Add(defaultTicketTTL)
	if len(m.tickets) >= maxTickets/2 {
		m.sweep = now.Add(time.Second)
	}
}

// Take implements [TicketStore].
func (m *MemoryTickets) Take(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, ok := m.tickets[key]
	if !ok {
		return nil, nil
	}
	delete(m.tickets, key)
	if !time.Now().Before(kept.expires) {
		return nil, nil
	}
	return kept.data, nil
}
