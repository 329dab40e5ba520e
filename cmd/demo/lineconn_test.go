package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a terminal shows of a connection's messages.
func TestRender(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	say := func(id int, text string) said {
		return said{Type: "message", ID: id, User: "bob", Text: text, Time: noon}
	}
	here := func(people ...string) presence {
		return presence{Type: "presence", People: people, Rooms: []roomCount{{"tea", len(people)}}}
	}
	messages := []any{
		say(7, "before the welcome: it is in it"),
		welcome{Type: "welcome", Room: "tea", User: "alice", Messages: []said{say(6, "six"), say(7, "seven")}},
		say(7, "known already"),
		here("alice", "bob"),
		here("alice", "bob"), // something changed in another room
		say(8, "two\nlines, \x1b[31mred\x1b[0m, \u202egnorw\u202c"),
		complaint{Type: "error", Text: "That is too long."},
		map[string]string{"type": "for pages only"},
		here("alice"),
	}
	want := []string{
		"* Welcome to tea, alice. /quit leaves.",
		"[12:00] bob: six",
		"[12:00] bob: seven",
		"* Here: alice, bob",
		"[12:00] bob: two lines,  [31mred [0m,  gnorw ",
		"* That is too long.",
		"* Here: alice",
	}
	var c lineConn
	var got strings.Builder
	for _, m := range messages {
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.render(&got, data); err != nil {
			t.Errorf("render %s: %v", data, err)
		}
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
