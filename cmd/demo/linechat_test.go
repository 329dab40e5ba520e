package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/wstest"
)

// startLine serves the line chat of a, and returns its address.
func startLine(t *testing.T, a *app) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.chat.Serve(l, a.lineChat(), a.chatter()) }()
	t.Cleanup(func() {
		a.chat.Shutdown(t.Context())
		if err := <-served; !errors.Is(err, channels.ErrDraining) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return l.Addr().String()
}

// A terminal is a client of the line chat.
type terminal struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, addr string) *terminal {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &terminal{t, conn, bufio.NewReader(conn)}
}

// types sends lines.
func (c *terminal) types(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\n")+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// wants reads until a line contains text, and returns that line.
func (c *terminal) wants(text string) string {
	c.t.Helper()
	var seen strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		if strings.Contains(line, text) {
			return line
		}
		seen.WriteString(line)
		if err != nil {
			c.t.Fatalf("want %q; got %q and then %v", text, &seen, err)
		}
	}
}

// wantsEnd reads the rest, which must end in order and contain text.
func (c *terminal) wantsEnd(text string) {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	if err != nil || !strings.Contains(string(rest), text) {
		c.t.Fatalf("want the end with %q; got %q, %v", text, rest, err)
	}
}

// Pages and terminals are in the same rooms.
func TestLineChat(t *testing.T) {
	a, _ := newTestApp(t)
	addr := startLine(t, a)
	page, _ := enter(t, login(t, wstest.NewServer(t, a.handler()), "alice", "alice-demo"), "tea")
	wantPeople(t, page, "alice")

	term := dial(t, addr)
	term.types("bob", "bob-demo", "tea")
	term.wants("Welcome to tea, bob")
	term.wants("Here: alice, bob")
	wantPeople(t, page, "alice", "bob")

	term.types("", "hello from a terminal\r")
	var s said
	page.ReceiveJSON(&s)
	if s.User != "bob" || s.Text != "hello from a terminal" {
		t.Errorf("the page got %+v", s)
	}
	term.wants("bob: hello from a terminal")
	page.SendJSON(map[string]string{"message": "line one\nline two \x1b[2J"})
	if line := term.wants("alice:"); !strings.HasSuffix(line, "alice: line one line two  [2J\n") {
		t.Errorf("the terminal got %q", line)
	}

	term.types("/quit")
	term.wantsEnd("goodbye")
	page.Receive() // its own
	wantPeople(t, page, "alice")
}

// What was typed before the end of the input is still said, and shown.
func TestLineChatEndOfInput(t *testing.T) {
	a, _ := newTestApp(t)
	term := dial(t, startLine(t, a))
	io.WriteString(term.conn, "alice\nalice-demo\n\nlast words")
	term.conn.(*net.TCPConn).CloseWrite()
	term.wants("Welcome to lobby")
	term.wantsEnd("alice: last words")
}

func TestLineChatRefuses(t *testing.T) {
	tests := []struct {
		name  string
		types string
		says  string
	}{
		{"wrong password", "alice\nbob-demo\nalice\n\n\nalice-demo\n", "do not match"},
		{"unknown name", "mallory\nalice-demo\nmallory\nx\nmallory\ny\n", "do not match"},
		{"no such room", "alice\nalice-demo\na room\n", "A room is named"},
		{"a long line", "alice\nalice-demo\ntea\n" + strings.Repeat("x", maxLine), "at most 4096 bytes"},
		{"a long name", strings.Repeat("x", maxLine), "Name: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, _ := newTestApp(t)
			term := dial(t, startLine(t, a))
			io.WriteString(term.conn, test.types)
			term.wantsEnd(test.says)
			if people := here(t, a, "tea"); len(people) > 0 {
				t.Errorf("%v are in the room", people)
			}
		})
	}
}

// The gate holds for terminals, too.
func TestLineChatIsRevoked(t *testing.T) {
	a, _ := newTestApp(t)
	addr := startLine(t, a)
	alice, bob := dial(t, addr), dial(t, addr)
	alice.types("alice", "alice-demo", "")
	alice.wants("Welcome")
	bob.types("bob", "bob-demo", "")
	bob.wants("Welcome")
	if err := a.gate.RevokeUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	alice.wantsEnd("* ")
	bob.types("she is gone")
	bob.wants("bob: she is gone")
	if people := here(t, a, "lobby"); !slices.Equal(people, []string{"bob"}) {
		t.Errorf("after the revocation %v are here", people)
	}

	// It is the connection that was ended: alice may come again.
	again := dial(t, addr)
	again.types("alice", "alice-demo", "")
	again.wants("Welcome")
}

// A ticket in place of a name and a password opens the line chat once, as a part of
// the session that it was issued in: a logout in the browser ends both.
func TestLineChatTicket(t *testing.T) {
	a, _ := newTestApp(t)
	addr := startLine(t, a)
	srv := wstest.NewServer(t, a.handler())
	if resp, body := srv.PostForm("/ticket", nil); resp.StatusCode != 401 {
		t.Errorf("a ticket for nobody: %s %q", resp.Status, body)
	}
	b := login(t, srv, "alice", "alice-demo")
	resp, ticket := b.PostForm("/ticket", nil)
	if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("a ticket: %s, %v", resp.Status, resp.Header)
	}
	term, thief := dial(t, addr), dial(t, addr)
	term.types(ticket, "tea")
	term.wants("Welcome to tea, alice")
	thief.types(ticket, ticket, ticket)
	thief.wantsEnd("do not match")

	b.PostForm("/logout", nil)
	term.wantsEnd("* logged out")
}

func TestLineChatShutsDown(t *testing.T) {
	a, _ := newTestApp(t)
	term := dial(t, startLine(t, a))
	term.types("alice", "alice-demo", "")
	term.wants("Welcome")
	if err := a.chat.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	term.wantsEnd("restarts")
}

var _ auth.Backend[Account] = (*accounts)(nil)
