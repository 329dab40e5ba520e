package e2e_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// A terminal is a client of the line chat.
type terminal struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func dialChat(t *testing.T, d *demo) *terminal {
	t.Helper()
	conn, err := net.Dial("tcp", d.Chat)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * patience))
	return &terminal{t, conn, bufio.NewScanner(conn)}
}

func (c *terminal) send(line string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(line + "\n")); err != nil {
		c.t.Fatal(err)
	}
}

// enter answers the three questions and waits for the welcome.
func (c *terminal) enter(name, password, room string) {
	c.t.Helper()
	c.send(name)
	c.send(password)
	c.send(room)
	c.wantLine("Welcome to " + room)
}

// wantLine reads until a line contains text.
func (c *terminal) wantLine(text string) {
	c.t.Helper()
	var seen []string
	for c.lines.Scan() {
		if strings.Contains(c.lines.Text(), text) {
			return
		}
		seen = append(seen, c.lines.Text())
	}
	c.t.Fatalf("no line with %q, but: %q, %v", text, seen, c.lines.Err())
}

func (c *terminal) wantEnd() {
	c.t.Helper()
	for c.lines.Scan() {
	}
	if err := c.lines.Err(); err != nil {
		c.t.Fatalf("the connection ended with %v, want its orderly end", err)
	}
}

// A whole conversation through nc, fed from a pipe.
func TestNetcat(t *testing.T) {
	d := startDemo(t)
	host, port, _ := net.SplitHostPort(d.Chat)
	out := run(t, strings.NewReader("bob\nbob-demo\ntea\nhello from nc\n/quit\n"), "nc", host, port)
	for _, want := range []string{"Welcome to tea", "bob: hello from nc"} {
		if !strings.Contains(out, want) {
			t.Errorf("nc printed %q, want it to contain %q", out, want)
		}
	}

	out = run(t, strings.NewReader("bob\nwrong password\n\n"), "nc", "-N", host, port)
	if !strings.Contains(out, "do not match") || strings.Contains(out, "Welcome") {
		t.Errorf("after a wrong password nc printed %q", out)
	}
}

func TestShutdownEndsTerminals(t *testing.T) {
	d := startDemo(t)
	terminal := dialChat(t, d)
	terminal.enter("alice", "alice-demo", "lobby")
	d.stop(t)
	terminal.wantEnd()
}
