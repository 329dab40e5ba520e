package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
)

func in(room, name string) channels.Member {
	meta, _ := json.Marshal(place{room})
	return channels.Member{Key: name, Meta: meta}
}

func TestPresence(t *testing.T) {
	members := []channels.Member{in("tea", "alice"), in("zoo", "alice"), in("tea", "alice"), in("tea", "bob")}
	got, err := presenceIn("tea", members)
	if err != nil {
		t.Fatal(err)
	}
	want := presence{
		Type:   "presence",
		People: []string{"alice", "bob"},
		Rooms:  []roomCount{{"gophers", 0}, {"lobby", 0}, {"tea", 2}, {"zoo", 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("presence (-want +got):\n%s", diff)
	}

	got, err = presenceIn("lobby", nil)
	if err != nil || got.People == nil {
		t.Errorf("the people of an empty room are %#v, %v; want an empty list", got.People, err)
	}
}

func TestPresenceIsBounded(t *testing.T) {
	var members []channels.Member
	for i := range 2 * maxListed {
		members = append(members, in(fmt.Sprint(i), "alice"))
	}
	p, err := presenceIn("tea", members)
	if err != nil || len(p.Rooms) != maxListed {
		t.Errorf("%d rooms are listed, %v; want %d", len(p.Rooms), err, maxListed)
	}
}
