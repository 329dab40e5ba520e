package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The peers are WebSocket clients and servers that others wrote. Each script takes the same
// commands, and prints one line of JSON for what happened.
var peers = []struct {
	name    string
	command []string
}{
	{"npm ws", []string{"node", "peers/ws.js"}},
	{"python3-websockets", []string{"/usr/bin/python3", "peers/websockets_peer.py"}},
	{"python3-autobahn", []string{"/usr/bin/python3", "peers/autobahn_peer.py"}},
}

// What a peer prints.
type report struct {
	Status  int    `json:"status,omitempty"`  // the handshake was refused with it
	Message string `json:"message,omitempty"` // the first message
	Closed  int    `json:"closed,omitempty"`  // or the close code that came in its place
}

// The open echo returns what it gets: text, binary, nothing, 16 MiB, fragments, and
// all of it compressed; it answers a close with the same code, and closes by itself
// when a message is too big.
func TestPeersEcho(t *testing.T) {
	d := startDemo(t)
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			args := append(slices.Clone(peer.command[1:]), "echo", d.socketURL("/echo"))
			if out := strings.TrimSpace(run(t, nil, peer.command[0], args...)); out != "ok" {
				t.Errorf("it says: %s", out)
			}
		})
	}
}

// The gate lets a session in that comes with the origin a browser would send.
// Without an origin the cookie is refused, and the log says why.
func TestPeersAtTheGate(t *testing.T) {
	d := startDemo(t)
	cookie := d.login(t, "alice", "alice-demo")
	greeting := func(user string) report {
		return report{Message: fmt.Sprintf(`{"user":%s,"kwargs":{"name":"front"}}`, user)}
	}
	tests := []struct {
		name, path, origin, cookie string
		want                       report
	}{
		{"echo, logged in", "/ws/echo/front/", d.origin(), cookie, greeting(`"alice"`)},
		{"echo, nobody", "/ws/echo/front/", d.origin(), "", greeting("null")},
		{"echo, nobody, no origin", "/ws/echo/front/", "", "", greeting("null")},
		{"echo, a forged cookie", "/ws/echo/front/", d.origin(), cookie + "x", greeting("null")},
		{"echo, cookie without origin", "/ws/echo/front/", "", cookie, report{Status: 403}},
		{"echo, cookie from elsewhere", "/ws/echo/front/", "http://evil.example", cookie, report{Status: 403}},
		{"chat, nobody", "/ws/chat/lobby/", d.origin(), "", report{Closed: 3000}},
		{"chat, cookie without origin", "/ws/chat/lobby/", "", cookie, report{Status: 403}},
		{"no such route", "/ws/nothing/", d.origin(), cookie, report{Status: 404}},
	}
	for _, peer := range peers {
		for _, test := range tests {
			t.Run(peer.name+"/"+test.name, func(t *testing.T) {
				args := append(slices.Clone(peer.command[1:]), "first", d.socketURL(test.path), test.origin, test.cookie)
				out := run(t, nil, peer.command[0], args...)
				var got report
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatalf("it printed %q: %v", out, err)
				}
				if got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		}
	}
	wantLog(t, d, "Origin")
	if strings.Contains(d.Log.String(), strings.SplitN(cookie, "=", 2)[1]) {
		t.Error("the log contains the session's cookie")
	}
}

// A peer says something in a room, and gets it back as everybody does.
func TestPeersChat(t *testing.T) {
	d := startDemo(t)
	cookie := d.login(t, "bob", "bob-demo")
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			terminal := dialChat(t, d)
			terminal.enter("alice", "alice-demo", "tea")
			text := "hello from " + peer.name
			args := append(slices.Clone(peer.command[1:]), "say", d.socketURL("/ws/chat/tea/"), d.origin(), cookie, text)
			out := run(t, nil, peer.command[0], args...)
			if !strings.Contains(out, `"user":"bob"`) || !strings.Contains(out, text) {
				t.Errorf("it got %s", out)
			}
			terminal.wantLine("bob: " + text)
		})
	}
}

// wantLog waits until the demo has logged text.
func wantLog(t *testing.T, d *demo, text string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(d.Log.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("nothing in the log about %q:\n%s", text, d.Log)
		}
	}
}
