package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// enter opens a room and returns the connection after its welcome.
func enter(t *testing.T, b *wstest.Browser, room string) (*wstest.Client, welcome) {
	t.Helper()
	c := b.Dial("/ws/chat/" + room + "/")
	var w welcome
	c.ReceiveJSON(&w)
	if w.Type != "welcome" {
		t.Fatalf("the first message is %+v, want a welcome", w)
	}
	return c, w
}

// wantPeople receives messages until one says that these are in the room.
func wantPeople(t *testing.T, c *wstest.Client, people ...string) {
	t.Helper()
	var p presence
	for {
		c.ReceiveJSON(&p)
		if p.Type != "presence" {
			t.Fatalf("got %+v, want who is here", p)
		}
		if cmp.Equal(people, p.People) {
			return
		}
	}
}

// here returns who is in a room.
func here(t *testing.T, a *app, room string) []string {
	t.Helper()
	members, err := a.chat.Members(t.Context(), everybody)
	if err != nil {
		t.Fatal(err)
	}
	p, err := presenceIn(room, members)
	if err != nil {
		t.Fatal(err)
	}
	return p.People
}

func TestChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		srv := wstest.NewServer(t, a.handler())
		alice, w := enter(t, login(t, srv, "alice", "alice-demo"), "tea")
		if diff := cmp.Diff(welcome{Type: "welcome", Room: "tea", User: "alice", Messages: []said{}}, w); diff != "" {
			t.Errorf("welcome (-want +got):\n%s", diff)
		}
		wantPeople(t, alice, "alice")

		bobs := login(t, srv, "bob", "bob-demo")
		bob, _ := enter(t, bobs, "tea")
		wantPeople(t, alice, "alice", "bob")
		wantPeople(t, bob, "alice", "bob")

		bob.SendJSON(map[string]string{"message": "  hello \n"})
		want := said{Type: "message", ID: 1, User: "bob", Text: "hello", Time: time.Now()}
		alice.WantJSON(want)
		bob.WantJSON(want)

		// Another room hears nothing of it; who comes later is told.
		elsewhere, _ := enter(t, bobs, "lobby")
		wantPeople(t, elsewhere, "bob")
		wantPeople(t, alice, "alice", "bob")
		wantPeople(t, bob, "alice", "bob")
		alice.SendJSON(map[string]string{"message": "anybody?"})
		alice.Receive()
		bob.Receive()
		elsewhere.WantNothing(time.Second)
		_, w = enter(t, bobs, "tea")
		if len(w.Messages) != 2 || w.Messages[1].Text != "anybody?" {
			t.Errorf("who comes later is told %+v", w.Messages)
		}

		bob.Close()
		alice.WantNothing(time.Second) // bob is here once more
	})
}

func TestChatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		srv := wstest.NewServer(t, a.handler())

		srv.Dial("/ws/chat/lobby/").WantClose(channels.StatusUnauthorized)
		for _, path := range []string{"/ws/chat/", "/ws/chat/a b/", "/ws/chat/" + strings.Repeat("x", 33) + "/", "/ws/chat/tea", "/ws/"} {
			if resp := srv.DialRefused(strings.ReplaceAll(path, " ", "%20")); resp.StatusCode != 404 {
				t.Errorf("%s: %s, want 404", path, resp.Status)
			}
		}

		alice, _ := enter(t, login(t, srv, "alice", "alice-demo"), "tea")
		wantPeople(t, alice, "alice")
		alice.SendJSON(map[string]string{"message": strings.Repeat("ä", maxText+1)})
		var e complaint
		if alice.ReceiveJSON(&e); e.Type != "error" {
			t.Errorf("a long message is answered with %+v", e)
		}
		alice.SendJSON(map[string]string{"message": " "})
		alice.WantNothing(time.Second)
		alice.Send("not JSON")
		alice.WantClose(channels.StatusInvalidPayload)
		if people := here(t, a, "tea"); len(people) != 0 {
			t.Errorf("after the end %v are in the room", people)
		}
	})
}

// A logout ends the sockets of that session, in whatever window, and no others.
func TestLogoutEndsSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		srv := wstest.NewServer(t, a.handler())
		home, phone := login(t, srv, "alice", "alice-demo"), login(t, srv, "alice", "alice-demo")
		one, _ := enter(t, home, "tea")
		two := home.Dial("/ws/echo/x/")
		two.WantJSON(map[string]any{"user": "alice", "kwargs": map[string]string{"name": "x"}})
		other, _ := enter(t, phone, "tea")
		wantPeople(t, one, "alice")
		wantPeople(t, other, "alice")

		start := time.Now()
		home.PostForm("/logout", nil)
		one.WantClose(channels.StatusUnauthorized)
		two.WantClose(channels.StatusUnauthorized)
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		other.SendJSON(map[string]string{"message": "still here"})
		var m said
		if other.ReceiveJSON(&m); m.Text != "still here" {
			t.Errorf("the other session got %+v", m)
		}
		home.Dial("/ws/chat/tea/").WantClose(channels.StatusUnauthorized)
	})
}

func TestEchoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t)
		srv := wstest.NewServer(t, a.handler())

		c := srv.Dial("/echo", func(o *channels.DialOptions) { o.Limits.MessageSize = maxEcho })
		c.Send("hello")
		c.Want("hello")
		big := make([]byte, maxEcho)
		c.SendBinary(big)
		c.WantBinary(big)
		c.Close()

		nobody := srv.Dial("/ws/echo/some%20name/")
		nobody.WantJSON(map[string]any{"user": nil, "kwargs": map[string]string{"name": "some name"}})
		nobody.Send("hello")
		nobody.Want("hello")
	})
}
