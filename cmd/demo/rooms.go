package main

import (
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	remembered = 50  // messages per room
	maxRooms   = 200 // rooms that are in use or have something to remember
)

// starters are the rooms that are always listed.
var starters = []string{"lobby", "gophers", "tea"}

// rooms is what the chat knows: who is in which room, and what was said there
// last. The zero value is ready.
type rooms struct {
	mu     sync.Mutex
	byName map[string]*room // guarded by mu, like all that is in it
}

type room struct {
	people map[string]int // how many connections each person has here
	last   int            // the ID of the newest message
	recent []said         // at most the last `remembered`
}

// enter puts user into a room, and returns what was said there last. It reports
// false when there are too many rooms to open another.
func (rs *rooms) enter(name, user string) (recent []said, ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.byName[name]
	if r == nil {
		if r = rs.open(name); r == nil {
			return nil, false
		}
	}
	r.people[user]++
	return append([]said{}, r.recent...), true
}

// open makes a room, if need be in place of one that nobody is in.
func (rs *rooms) open(name string) *room {
	if rs.byName == nil {
		rs.byName = make(map[string]*room)
	}
	if len(rs.byName) >= maxRooms {
		for other, r := range rs.byName {
			if len(r.people) == 0 {
				delete(rs.byName, other)
				break
			}
		}
		if len(rs.byName) >= maxRooms {
			return nil
		}
	}
	r := &room{people: make(map[string]int)}
	rs.byName[name] = r
	return r
}

// leave takes one connection of user out of a room.
func (rs *rooms) leave(name, user string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.byName[name]
	if r.people[user]--; r.people[user] == 0 {
		delete(r.people, user)
	}
	if len(r.people) == 0 && len(r.recent) == 0 {
		delete(rs.byName, name)
	}
}

// say records what user, who is in the room, says there.
func (rs *rooms) say(name, user, text string, now time.Time) said {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.byName[name]
	r.last++
	s := said{Type: "message", ID: r.last, User: user, Text: text, Time: now}
	if len(r.recent) == remembered {
		r.recent = append(r.recent[:0], r.recent[1:]...)
	}
	r.recent = append(r.recent, s)
	return s
}

// presence returns who is in a room, and how many are in each.
func (rs *rooms) presence(name string) presence {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	counts := make(map[string]int)
	for _, starter := range starters {
		counts[starter] = 0
	}
	for other, r := range rs.byName {
		if len(r.people) > 0 {
			counts[other] = len(r.people)
		}
	}
	p := presence{Type: "presence", People: []string{}}
	if r := rs.byName[name]; r != nil {
		p.People = slices.Sorted(maps.Keys(r.people))
	}
	for _, other := range slices.Sorted(maps.Keys(counts)) {
		p.Rooms = append(p.Rooms, roomCount{other, counts[other]})
	}
	return p
}
