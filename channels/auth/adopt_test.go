package auth_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// A switcher is a consumer that joins a group of its user's, and becomes the user whose
// name it is sent.
type switcher struct{ site *site }

func (c *switcher) Connect(ctx context.Context, s *channels.Socket) error {
	return s.Join(ctx, "of-"+name(ctx))
}

func (c *switcher) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	if string(m.Data) != "" {
		user, ok := c.site.users.Lookup(string(m.Data))
		if !ok {
			return channels.Closef(channels.StatusPolicyViolation, "no such user")
		}
		if err := c.site.gate.Adopt(ctx, user); err != nil {
			return s.Send(ctx, channels.Text(fmt.Sprint("forbidden: ", errors.Is(err, auth.ErrForbidden))))
		}
	}
	return s.Send(ctx, channels.Text(name(ctx)))
}

// A26, A27, X22: a login over the socket is that connection's alone.
func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(s *site) {
			s.mux.Handle("/switch", s.srv.Handler(channels.Consume(func() *switcher { return &switcher{s} })))
			notBob := func(u auth.Account) bool { return u.Name != "bob" }
			s.mux.Handle("/not-bob", s.gate.Permit(notBob)(s.srv.Handler(channels.Consume(func() *switcher { return &switcher{s} }))))
		})
		logIn(t, s.Browser, "alice")
		before := cookie(t, s.Browser)
		c := s.Dial("/switch")
		c.Send("")
		c.Want("alice")
		if err := s.srv.Broadcast(t.Context(), "of-alice", channels.Text("for alice")); err != nil {
			t.Fatal(err)
		}
		c.Want("for alice")

		c.Send("bob")
		c.Want("bob")
		s.srv.Broadcast(t.Context(), "of-alice", channels.Text("for alice"))
		c.WantNothing(time.Second) // the group was alice's
		if cookie(t, s.Browser) != before {
			t.Error("the cookie is another one")
		}
		wantBody(t, s.Browser, "/whoami", "alice")

		// The tags are bob's: alice's logout does not concern it, bob's revocation does.
		s.PostForm("/logout", nil)
		if err := s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID); err != nil {
			t.Fatal(err)
		}
		c.Send("")
		c.Want("bob")
		if err := s.gate.RevokeUser(t.Context(), s.user(t, "bob").ID); err != nil {
			t.Fatal(err)
		}
		c.WantClose(channels.StatusUnauthorized)

		logIn(t, s.Browser, "alice")
		c = s.Dial("/not-bob")
		c.Send("bob")
		c.Want("forbidden: true")
		c.Send("")
		c.Want("alice")
		s.srv.Broadcast(t.Context(), "of-alice", channels.Text("for alice"))
		c.Want("for alice")
		// What is adopted is rechecked as well.
		if _, err := s.users.SetPassword(t.Context(), s.user(t, "alice").ID, "another"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(t.Context()); channels.CloseStatus(err) != channels.StatusUnauthorized {
			t.Errorf("%v, want 3000", err)
		}
	})
}

func TestAdoptErrors(t *testing.T) {
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{&counting{user: everybody}}}
	if err := gate.Adopt(t.Context(), Person{ID: "7"}); !errors.Is(err, auth.ErrNoConnection) {
		t.Errorf("no connection: %v", err)
	}
	if err := gate.AdoptGrant(t.Context(), auth.Grant{UserID: "7"}); !errors.Is(err, auth.ErrNoConnection) {
		t.Errorf("no connection: %v", err)
	}
	if err := gate.Refresh(t.Context(), auth.Grant{UserID: "7"}); !errors.Is(err, auth.ErrNoConnection) {
		t.Errorf("no connection: %v", err)
	}
	ctx := auth.WithNobody[Person](t.Context())
	if err := gate.Adopt(ctx, Person{}); err == nil {
		t.Error("nobody: no error")
	}
	pointers := &auth.Gate[*Person]{Schemes: []auth.Scheme{auth.Bearer(tokens{}.verify)}}
	if err := pointers.Adopt(auth.WithNobody[*Person](t.Context()), nil); err == nil {
		t.Error("T16 a nil user: no error")
	}
}

// tcpChat asks for a name and a password, or for a ticket, and then says who is there.
func tcpChat(s *site, tickets *auth.Tickets) channels.Protocol {
	return channels.Protocol{Name: "chat", Open: func(ctx context.Context, nc net.Conn) (context.Context, channels.MessageConn, error) {
		c := &lines{nc: nc, r: bufio.NewReader(nc)}
		line, err := c.r.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		switch fields := strings.Fields(line); len(fields) {
		case 1:
			grant, err := tickets.Redeem(ctx, fields[0], "chat")
			if err == nil {
				err = s.gate.AdoptGrant(ctx, grant)
			}
			return ctx, c, err
		case 2:
			user, err := s.gate.Authenticate(ctx, auth.Credentials{Username: fields[0], Password: fields[1]})
			if err == nil {
				err = s.gate.Adopt(ctx, user)
			}
			return ctx, c, err
		}
		return auth.WithNobody[auth.Account](ctx), c, nil
	}}
}

// lines are messages that end with a line feed.
type lines struct {
	nc net.Conn
	r  *bufio.Reader
}

func (l *lines) Read(context.Context) (channels.Message, error) {
	line, err := l.r.ReadString('\n')
	return channels.Text(strings.TrimSpace(line)), err
}

func (l *lines) Write(_ context.Context, m channels.Message) error {
	_, err := fmt.Fprintf(l.nc, "%s\n", m.Data)
	return err
}

func (l *lines) Close(code channels.StatusCode, reason string) error {
	_, err := fmt.Fprintf(l.nc, "closed: %d %s\n", code, reason)
	return err
}

// The same gate holds connections that are not HTTP.
func TestOtherProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := new(auth.Tickets)
		s := newTicketSite(t, nil)
		l := memnet.Listen()
		var serving sync.WaitGroup
		serving.Go(func() { // ends with Shutdown
			s.srv.Serve(l, tcpChat(s, tickets), channels.HandlerFunc(s.serve))
		})
		dial := func(hello string) (say func(string), want func(string)) {
			nc, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { nc.Close() })
			r := bufio.NewReader(nc)
			say = func(line string) { fmt.Fprintln(nc, line) }
			want = func(line string) {
				t.Helper()
				got, err := r.ReadString('\n')
				if strings.TrimSpace(got) != line {
					t.Errorf("got %q, %v, want %q", got, err, line)
				}
			}
			say(hello)
			return say, want
		}
		_, want := dial("alice " + strings.ReplaceAll(password, " ", ""))
		want("") // a wrong password
		if _, err := s.users.SetPassword(t.Context(), s.user(t, "alice").ID, "secret"); err != nil {
			t.Fatal(err)
		}
		_, wantNobody := dial("a stranger, who says hello")
		wantNobody("nobody")

		sayAlice, wantAlice := dial("alice secret")
		wantAlice("alice")
		if err := s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID); err != nil {
			t.Fatal(err)
		}
		wantAlice("closed: 3000 revoked")
		_ = sayAlice

		_, wantAlice = dial("alice secret")
		wantAlice("alice")
		if _, err := s.users.SetPassword(t.Context(), s.user(t, "alice").ID, "another"); err != nil {
			t.Fatal(err)
		}
		wantAlice("closed: 3000 the login has ended") // at the recheck

		// By a ticket that was got over HTTP, for as long as its session lives.
		logIn(t, s.Browser, "bob")
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			ticket, err := tickets.Issue(r.Context(), "chat")
			if err != nil {
				t.Fatal(err)
			}
			_, wantBob := dial(ticket)
			wantBob("bob")
			_, wantAgain := dial(ticket)
			wantAgain("")
			if err := s.gate.Logout(w, r); err != nil {
				t.Fatal(err)
			}
			wantBob("closed: 3000 logged out")
		})
		if err := s.srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		wantNobody("closed: 1012 the server restarts")
		serving.Wait()
	})
}

// T14: a client that does not say at once who it is, is not served.
func TestFirstMessage(t *testing.T) {
	known := tokens{"alice-token": {}, "bob-token": {}}
	newFirstSite := func(t *testing.T) *site {
		return newSite(t, func(s *site) {
			for _, name := range []string{"alice", "bob"} {
				known[name+"-token"] = auth.Grant{UserID: s.user(t, name).ID, Expires: time.Now().Add(time.Hour)}
			}
			first := auth.FirstMessage[auth.Account]{Gate: &s.gate, Verify: func(ctx context.Context, m channels.Message) (auth.Grant, error) {
				var hello struct{ Token string }
				if m.Decode(&hello) != nil {
					return auth.Grant{}, auth.ErrMalformed
				}
				return known.verify(ctx, hello.Token)
			}}
			s.mux.Handle("/first", s.srv.Handler(first.Handler(channels.HandlerFunc(s.serve))))
			notBob := func(u auth.Account) bool { return u.Name != "bob" }
			s.mux.Handle("/not-bob", s.srv.Handler(first.Handler(channels.HandlerFunc(
				func(ctx context.Context, socket *channels.Socket) error {
					if user, _ := auth.User[auth.Account](ctx); !notBob(user) {
						return channels.Closef(channels.StatusForbidden, "")
					}
					return s.serve(ctx, socket)
				}))))
		})
	}
	tests := []struct {
		name, message string
		want          channels.StatusCode // 0: served
	}{
		{"good", `{"token":"alice-token"}`, 0},
		{"unknown token", `{"token":"guessed"}`, channels.StatusUnauthorized},
		{"subscribe before", `{"subscribe":"lobby"}`, channels.StatusUnauthorized},
		{"not JSON", `hello`, channels.StatusPolicyViolation},
		{"not checkable", `{"token":"outage"}`, channels.StatusTryAgainLater},
		{"4 KiB and more", `{"token":"` + strings.Repeat("x", 4<<10) + `"}`, channels.StatusMessageTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFirstSite(t)
				c := s.Dial("/first")
				c.Send(tt.message)
				if tt.want == 0 {
					c.Want("alice")
					c.Close()
					return
				}
				c.WantClose(tt.want)
			})
		})
	}
	t.Run("nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newFirstSite(t).Dial("/first")
			start := time.Now()
			_, err := c.Read(t.Context())
			if took := time.Since(start); channels.CloseStatus(err) != channels.StatusTimeout || took != 10*time.Second {
				t.Errorf("%v after %v, want 3008 after 10 s", err, took)
			}
		})
	})
	// What is over the limit is refused by its header, and the limit is that message's
	// alone.
	t.Run("1 MiB", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			nc := newFirstSite(t).NetConn()
			defer nc.Close()
			fmt.Fprint(nc, "GET /first HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
			r := bufio.NewReader(nc)
			if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("%v, %v", resp, err)
			}
			start := time.Now()
			nc.Write([]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4}) // and no payload
			var frame [4]byte
			_, err := io.ReadFull(r, frame[:])
			if got := channels.StatusCode(frame[2])<<8 | channels.StatusCode(frame[3]); err != nil || frame[0] != 0x88 || got != channels.StatusMessageTooBig {
				t.Errorf("% x, %v, want a close with 1009", frame, err)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("after %v", took)
			}
		})
	})
	t.Run("a long one after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newFirstSite(t).Dial("/first")
			c.Send(`{"token":"alice-token"}`)
			c.Want("alice")
			long := strings.Repeat("x", 100<<10)
			c.Send(long)
			c.Want(long)
			c.Close()
		})
	})
	t.Run("a byte each second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newFirstSite(t).Dial("/first")
			start := time.Now()
			w, err := c.Writer(t.Context(), channels.TextMessage)
			if err != nil {
				t.Fatal(err)
			}
			var drip sync.WaitGroup
			drip.Go(func() { // ends with the connection
				for {
					time.Sleep(time.Second)
					if _, err := w.Write([]byte("x")); err != nil {
						return
					}
				}
			})
			_, err = c.Read(t.Context())
			if took := time.Since(start); channels.CloseStatus(err) != channels.StatusTimeout || took > 11*time.Second {
				t.Errorf("%v after %v, want 3008 after 10 s", err, took)
			}
			drip.Wait()
		})
	})
	t.Run("the token expires", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newFirstSite(t).Dial("/first")
			c.Send(`{"token":"alice-token"}`)
			c.Want("alice")
			start := time.Now()
			_, err := c.Read(t.Context())
			if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != time.Hour {
				t.Errorf("%v after %v, want 3000 after an hour", err, took)
			}
		})
	})
	t.Run("another user than the session's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newFirstSite(t)
			logIn(t, s.Browser, "alice")
			c := s.Dial("/first")
			c.Send(`{"token":"bob-token"}`)
			c.WantClose(channels.StatusUnauthorized)
			c = s.Dial("/first")
			c.Send(`{"token":"alice-token"}`)
			c.Want("alice")
			c.Close()
		})
	})
	t.Run("forbidden", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newFirstSite(t).Dial("/not-bob")
			c.Send(`{"token":"bob-token"}`)
			c.WantClose(channels.StatusForbidden)
		})
	})
}

// A socket says who it is in its first message.
func ExampleFirstMessage() {
	verify := func(ctx context.Context, m channels.Message) (auth.Grant, error) {
		var hello struct{ Token string }
		if m.Decode(&hello) != nil {
			return auth.Grant{}, auth.ErrMalformed
		}
		if hello.Token != "token-of-ann" { // in earnest: look up its hash
			return auth.Grant{}, auth.ErrDenied
		}
		return auth.Grant{UserID: "7"}, nil
	}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{people{"7": {ID: "7", Name: "Ann"}}}}
	first := auth.FirstMessage[Person]{Gate: gate, Verify: verify}
	chat := channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		person, _ := auth.User[Person](ctx)
		return s.Send(ctx, channels.Text("hello "+person.Name))
	})
	srv := &channels.Server{DrainWindow: -1}
	server := httptest.NewServer(srv.Handler(first.Handler(chat)))
	defer server.Close()
	defer srv.Shutdown(context.Background())

	ctx := context.Background()
	for _, hello := range []string{`{"token":"token-of-ann"}`, `{"token":"guessed"}`} {
		c, _, err := channels.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1), nil)
		if err != nil {
			panic(err)
		}
		c.Write(ctx, channels.Text(hello))
		m, err := c.Read(ctx)
		fmt.Printf("%q %v\n", m.Data, channels.CloseStatus(err))
		c.CloseNow()
	}
	// Output:
	// "hello Ann" 0
	// "" 3000 (unauthorized)
}
