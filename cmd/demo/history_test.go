package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHistoryHasTheLast(t *testing.T) {
	var h history
	if got := h.of("tea"); got == nil || len(got) > 0 {
		t.Errorf("of a silent room it has %#v, want an empty list", got)
	}
	h.add("lobby", "bob", "elsewhere", time.Unix(0, 0))
	for i := range remembered + 7 {
		h.add("tea", "alice", fmt.Sprint(i), time.Unix(0, 0))
	}
	recent := h.of("tea")
	if len(recent) != remembered {
		t.Fatalf("it has %d messages, want %d", len(recent), remembered)
	}
	want := said{Type: "message", ID: 9, User: "alice", Text: "7", Time: time.Unix(0, 0)}
	if diff := cmp.Diff(want, recent[0]); diff != "" {
		t.Errorf("oldest message (-want +got):\n%s", diff)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := range maxRooms {
		h.add(fmt.Sprint(i), "alice", "hello", time.Now())
	}
	h.add("0", "bob", "and hello", time.Now())
	h.add("one more", "alice", "hello", time.Now())
	for room, want := range map[string]int{"0": 2, "1": 0, "2": 1, "one more": 1} {
		if got := len(h.of(room)); got != want {
			t.Errorf("room %s has %d messages, want %d", room, got, want)
		}
	}
}
