package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRoomRemembersTheLast(t *testing.T) {
	var rs rooms
	rs.enter("tea", "alice")
	for i := range remembered + 7 {
		rs.say("tea", "alice", fmt.Sprint(i), time.Unix(0, 0))
	}
	recent, ok := rs.enter("tea", "bob")
	if !ok || len(recent) != remembered {
		t.Fatalf("enter returned %d messages, %v; want %d, true", len(recent), ok, remembered)
	}
	want := said{Type: "message", ID: 8, User: "alice", Text: "7", Time: time.Unix(0, 0)}
	if diff := cmp.Diff(want, recent[0]); diff != "" {
		t.Errorf("oldest message (-want +got):\n%s", diff)
	}
}

func TestPresence(t *testing.T) {
	var rs rooms
	rs.enter("tea", "bob")
	rs.enter("tea", "alice")
	rs.enter("tea", "alice") // a second window
	rs.enter("zoo", "carol")
	rs.leave("tea", "alice")
	rs.leave("zoo", "carol")
	want := presence{
		Type:   "presence",
		People: []string{"alice", "bob"},
		Rooms:  []roomCount{{"gophers", 0}, {"lobby", 0}, {"tea", 2}},
	}
	if diff := cmp.Diff(want, rs.presence("tea")); diff != "" {
		t.Errorf("presence (-want +got):\n%s", diff)
	}
	rs.leave("tea", "alice")
	if diff := cmp.Diff([]string{"bob"}, rs.presence("tea").People); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
}

func TestRoomsAreBounded(t *testing.T) {
	var rs rooms
	for i := range maxRooms {
		rs.enter(fmt.Sprint(i), "alice")
	}
	if _, ok := rs.enter("one too many", "alice"); ok {
		t.Error("there is no bound")
	}
	if _, ok := rs.enter("7", "bob"); !ok {
		t.Error("a room that exists cannot be entered")
	}

	// A room that is empty makes room for another, its messages notwithstanding.
	rs.say("3", "alice", "remember me", time.Now())
	rs.leave("3", "alice")
	if recent, ok := rs.enter("3", "alice"); !ok || len(recent) != 1 {
		t.Errorf("an empty room forgot its message without need: %v, %v", recent, ok)
	}
	rs.leave("3", "alice")
	if _, ok := rs.enter("new", "alice"); !ok {
		t.Error("an empty room was not given up for a new one")
	}
}
