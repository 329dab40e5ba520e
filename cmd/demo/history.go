package main

import (
	"slices"
	"sync"
	"time"
)

const (
	remembered = 50  // messages of a room
	maxRooms   = 200 // that have something to remember
)

// A history is what was said last, in each room. The zero value is ready.
type history struct {
	mu    sync.Mutex // guards what follows
	last  int        // the ID of the newest message
	rooms map[string][]said
}

// of returns the last messages of a room, oldest first.
func (h *history) of(room string) []said {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]said{}, h.rooms[room]...)
}

// add records what user says in a room.
func (h *history) add(room, user, text string, now time.Time) said {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	s := said{Type: "message", ID: h.last, User: user, Text: text, Time: now}
	if h.rooms == nil {
		h.rooms = make(map[string][]said)
	}
	messages := append(h.rooms[room], s)
	h.rooms[room] = slices.Delete(messages, 0, max(0, len(messages)-remembered))
	if len(h.rooms) > maxRooms {
		h.forget()
	}
	return s
}

// forget drops the room that has been silent for the longest time.
func (h *history) forget() {
	var silent string
	oldest := h.last
	for room, messages := range h.rooms {
		if newest := messages[len(messages)-1].ID; newest < oldest {
			silent, oldest = room, newest
		}
	}
	delete(h.rooms, silent)
}
