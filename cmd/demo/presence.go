package main

import (
	"maps"
	"slices"

	"github.com/sluicehq/sluice/channels"
)

// everybody is the group in whose presence all chatters are, in whatever room. (A
// chat for many thousands would have one for each room instead.)
const everybody = "everybody"

// A place is where a chatter is: what it shows beside its name.
type place struct {
	Room string `json:"room"`
}

// starters are the rooms that are always listed.
var starters = []string{"lobby", "gophers", "tea"}

const maxListed = 100 // rooms

// presenceIn returns who is in a room, and how many are in each.
func presenceIn(room string, members []channels.Member) (presence, error) {
	people := make(map[string][]string) // by room
	for _, starter := range starters {
		people[starter] = nil
	}
	for _, m := range members {
		var at place
		if err := m.Decode(&at); err != nil {
			return presence{}, err
		}
		// Members are in the order of their names; somebody may be here twice.
		if here := people[at.Room]; len(here) == 0 || here[len(here)-1] != m.Key {
			people[at.Room] = append(here, m.Key)
		}
	}
	p := presence{Type: "presence", People: append([]string{}, people[room]...)}
	for _, name := range slices.Sorted(maps.Keys(people)) {
		if len(p.Rooms) < maxListed {
			p.Rooms = append(p.Rooms, roomCount{name, len(people[name])})
		}
	}
	return p, nil
}
