package main

import (
	"slices"
	"time"
)

// What travels between the chat and its clients: one JSON object per message, those
// of the chat told apart by "type".

// fromClient is what a client sends: something to say, or goodbye, where the
// connection itself has no way to say it.
type fromClient struct {
	Text string `json:"message,omitempty"`
	Bye  bool   `json:"bye,omitempty"`
}

// said is something that somebody said in a room.
type said struct {
	Type string    `json:"type"` // "message"
	ID   int       `json:"id"`   // counts up
	User string    `json:"user"`
	Text string    `json:"message"`
	Time time.Time `json:"time"`
}

// welcome is the first message of a connection. What comes later with an ID that
// is not above those in Messages is known already.
type welcome struct {
	Type     string `json:"type"` // "welcome"
	Room     string `json:"room"`
	User     string `json:"user"`
	Messages []said `json:"messages"` // the last ones, oldest first
}

// presence says who is where. It is sent whenever that changes.
type presence struct {
	Type   string      `json:"type"` // "presence"
	People []string    `json:"people"`
	Rooms  []roomCount `json:"rooms"`
}

func (p presence) equal(q presence) bool {
	return slices.Equal(p.People, q.People) && slices.Equal(p.Rooms, q.Rooms)
}

type roomCount struct {
	Name   string `json:"name"`
	People int    `json:"people"`
}

// complaint answers a message that was not delivered.
type complaint struct {
	Type string `json:"type"` // "error"
	Text string `json:"message"`
}
