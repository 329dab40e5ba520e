package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// newTicketSite returns a site that issues tickets at /ticket, for the purpose that is
// posted to it.
func newTicketSite(tb testing.TB, setup func(*site)) *site {
	tb.Helper()
	tickets := new(auth.Tickets)
	return newSite(tb, func(s *site) {
		s.gate.Schemes = []auth.Scheme{tickets.Scheme("ticket")}
		s.mux.HandleFunc("POST /ticket", func(w http.ResponseWriter, r *http.Request) {
			ticket, err := tickets.Issue(r.Context(), r.PostFormValue("purpose"))
			if err != nil {
				s.gate.Deny(w, r, err)
				return
			}
			io.WriteString(w, ticket)
		})
		s.mux.Handle("/other", s.srv.HandlerFunc(s.serve))
		if setup != nil {
			setup(s)
		}
	})
}

func ticketFrom(t *testing.T, b *wstest.Browser, purpose string) string {
	t.Helper()
	resp, body := b.PostForm("/ticket", url.Values{"purpose": {purpose}})
	if resp.StatusCode != http.StatusOK || len(body) != 43 {
		t.Fatalf("issue a ticket: %s %q", resp.Status, body)
	}
	return body
}

func TestTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTicketSite(t, nil)
		logIn(t, s.Browser, "alice")
		stranger := s.NewBrowser() // without the cookie, such as another program
		refused := func(name string, b *wstest.Browser, target string, want int) {
			t.Helper()
			if resp := b.DialRefused(target); resp.StatusCode != want {
				t.Errorf("%s: %s, want %d", name, resp.Status, want)
			}
		}

		ticket := ticketFrom(t, s.Browser, "/ws")
		c := s.Dial("/ws?ticket=" + ticket)
		c.Want("alice")
		c.Close()
		refused("T1 a second time", s.Browser, "/ws?ticket="+ticket, 401)
		refused("T1 a second time, by another", stranger, "/ws?ticket="+ticket, 401)

		c = stranger.Dial("/ws?ticket=" + ticketFrom(t, s.Browser, "/ws"))
		c.Want("alice")
		s.PostForm("/logout", nil)
		c.WantClose(channels.StatusUnauthorized) // it belongs to the session
		logIn(t, s.Browser, "alice")

		// T3: to the millisecond.
		ticket = ticketFrom(t, s.Browser, "/ws")
		time.Sleep(30*time.Second - time.Millisecond)
		c = stranger.Dial("/ws?ticket=" + ticket)
		c.Want("alice")
		c.Close()
		ticket = ticketFrom(t, s.Browser, "/ws")
		time.Sleep(30 * time.Second)
		refused("T3 after 30 seconds", s.Browser, "/ws?ticket="+ticket, 401)

		// T4: with another session.
		other := s.NewBrowser()
		logIn(t, other, "alice")
		refused("T4 another session of the same user", other, "/ws?ticket="+ticketFrom(t, s.Browser, "/ws"), 401)
		bob := s.NewBrowser()
		logIn(t, bob, "bob")
		refused("T4 the session of another user", bob, "/ws?ticket="+ticketFrom(t, s.Browser, "/ws"), 401)

		// T5: elsewhere.
		refused("T5 another path", s.Browser, "/other?ticket="+ticketFrom(t, s.Browser, "/ws"), 401)
		refused("T5 another protocol", s.Browser, "/ws?ticket="+ticketFrom(t, s.Browser, "chat"), 401)
		wantBody(t, stranger, "/whoami?ticket="+ticketFrom(t, s.Browser, "/whoami"), "nobody") // plain HTTP

		// T6, T7: in another form.
		for name, change := range map[string]func(string) string{
			"T6 lower case":   strings.ToLower,
			"T6 line end":     func(s string) string { return s[:20] + "%0A" + s[20:] },
			"T6 line end, 43": func(s string) string { return s[:20] + "%0A" + s[21:] },
			"T6 quoted":       func(s string) string { return "%22" + s + "%22" },
			"T6 padded":       func(s string) string { return s + "=" },
			"T6 space":        func(s string) string { return s + "+" },
			"T6 cut":          func(s string) string { return s[:42] },
			"T6 empty":        func(string) string { return "" },
			"T6 alias":        func(s string) string { return s[:42] + nextBase64(s[42]) },
			"T7 twice":        func(s string) string { return s + "&ticket=" + s },
		} {
			resp := s.DialRefused("/ws?ticket=" + change(ticketFrom(t, s.Browser, "/ws")))
			if resp.StatusCode != 400 && resp.StatusCode != 401 {
				t.Errorf("%s: %s", name, resp.Status)
			}
		}
	})
}

// nextBase64 returns another last character that lenient decoders take for the same.
func nextBase64(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

// T13: a ticket of who has left meanwhile is worth nothing.
func TestTicketOfWhoLeft(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, s *site) error{
		"logout": func(t *testing.T, s *site) error { s.PostForm("/logout", nil); return nil },
		"inactive": func(t *testing.T, s *site) error {
			return s.users.SetActive(s.user(t, "alice").ID, false)
		},
		"changed password": func(t *testing.T, s *site) error {
			_, err := s.users.SetPassword(t.Context(), s.user(t, "alice").ID, "another")
			return err
		},
		"RevokeUser": func(t *testing.T, s *site) error {
			return s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTicketSite(t, nil)
			logIn(t, s.Browser, "alice")
			ticket := ticketFrom(t, s.Browser, "/ws")
			if err := leave(t, s); err != nil {
				t.Fatal(err)
			}
			if resp := s.NewBrowser().DialRefused("/ws?ticket=" + ticket); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s", resp.Status)
			}
		})
	}
}

// The connection ends when the session does that the ticket was issued in.
func TestTicketExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTicketSite(t, func(s *site) { s.sessions.Lifetime = time.Hour })
		logIn(t, s.Browser, "alice")
		time.Sleep(20 * time.Minute)
		c := s.NewBrowser().Dial("/ws?ticket=" + ticketFrom(t, s.Browser, "/ws"))
		c.Want("alice")
		start := time.Now()
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != 40*time.Minute {
			t.Errorf("%v after %v, want 3000 after 40 minutes", err, took)
		}
	})
}

// T2: of 100 at once, one.
func TestTicketOnce(t *testing.T) {
	ctx := auth.WithNobody[Person](t.Context())
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{&counting{user: everybody}}}
	if err := gate.Adopt(ctx, Person{ID: "7"}); err != nil {
		t.Fatal(err)
	}
	var tickets auth.Tickets
	ticket, err := tickets.Issue(ctx, "chat")
	if err != nil {
		t.Fatal(err)
	}
	var winners atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			switch _, err := tickets.Redeem(t.Context(), ticket, "chat"); {
			case err == nil:
				winners.Add(1)
			case !errors.Is(err, auth.ErrDenied):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := winners.Load(); n != 1 {
		t.Errorf("%d were let in", n)
	}
}

func TestIssueErrors(t *testing.T) {
	var tickets auth.Tickets
	nobody := auth.WithNobody[Person](t.Context())
	if _, err := tickets.Issue(nobody, "chat"); !errors.Is(err, auth.ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := tickets.Issue(t.Context(), "chat"); !errors.Is(err, auth.ErrNoConnection) {
		t.Errorf("no connection: %v", err)
	}
	alone := auth.WithUser(auth.WithNobody[Person](t.Context()), Person{ID: "7"})
	if _, err := tickets.Issue(alone, "chat"); err == nil {
		t.Error("a user in no backend: no error")
	}
	known := auth.WithNobody[Person](t.Context())
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{&counting{user: everybody}}}
	if err := gate.Adopt(known, Person{ID: "7"}); err != nil {
		t.Fatal(err)
	}
	for _, purpose := range []string{"", strings.Repeat("x", 1025)} {
		if _, err := tickets.Issue(known, purpose); err == nil {
			t.Errorf("purpose of %d bytes: no error", len(purpose))
		}
	}
	down := auth.Tickets{Store: brokenStore{}}
	if _, err := down.Issue(known, "chat"); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("a broken store: %v", err)
	}
	ticket := strings.Repeat("A", 43)
	if _, err := down.Redeem(t.Context(), ticket, "chat"); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("a broken store: %v", err)
	}
	for _, data := range []string{"", "null", "[]", `{"p":"chat"}`, "{"} {
		odd := auth.Tickets{Store: oddStore(data)}
		if _, err := odd.Redeem(t.Context(), ticket, "chat"); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("what is kept is %q: %v", data, err)
		}
	}
}

type brokenStore struct{}

func (brokenStore) Put(context.Context, string, []byte, time.Duration) error {
	return errors.New("down")
}
func (brokenStore) Take(context.Context, string) ([]byte, error) { return nil, errors.New("down") }

// An oddStore keeps one thing, whatever the key.
type oddStore string

func (oddStore) Put(context.Context, string, []byte, time.Duration) error { return nil }
func (o oddStore) Take(context.Context, string) ([]byte, error)           { return []byte(o), nil }

func TestMemoryTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m auth.MemoryTickets
		ctx := t.Context()
		var err error
		n := 0
		for ; err == nil && n < 200_000; n++ {
			err = m.Put(ctx, fmt.Sprint(n), nil, 30*time.Second)
		}
		if !errors.Is(err, auth.ErrBusy) || n != 100_001 {
			t.Errorf("ticket %d: %v, want ErrBusy for the 100,001st", n, err)
		}
		time.Sleep(30 * time.Second)
		if err := m.Put(ctx, "new", []byte("x"), time.Second); err != nil {
			t.Errorf("when they have expired: %v", err)
		}
		if got, err := m.Take(ctx, "new"); string(got) != "x" || err != nil {
			t.Errorf("Take: %q, %v", got, err)
		}
	})
}

// The store never has the ticket.
func TestTicketStoreHasHashes(t *testing.T) {
	store := make(spyStore)
	tickets := auth.Tickets{Store: store}
	ctx := auth.WithNobody[Person](t.Context())
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{&counting{user: everybody}}}
	if err := gate.Adopt(ctx, Person{ID: "7"}); err != nil {
		t.Fatal(err)
	}
	ticket, err := tickets.Issue(ctx, "chat")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(ticket)
	for key, data := range store {
		if len(key) != 50 || strings.Contains(key+data, ticket) || strings.Contains(key+data, string(raw)) {
			t.Errorf("the store has %q: %q", key, data)
		}
	}
}

type spyStore map[string]string

func (s spyStore) Put(_ context.Context, key string, data []byte, _ time.Duration) error {
	s[key] = string(data)
	return nil
}

func (s spyStore) Take(context.Context, string) ([]byte, error) { return nil, nil }

// A page asks for a ticket with a POST, and opens a WebSocket with it.
func ExampleTickets() {
	var tickets auth.Tickets
	gate := &auth.Gate[Person]{
		Backends: []auth.Backend[Person]{people{"7": {ID: "7", Name: "Ann"}}},
		Schemes:  []auth.Scheme{tickets.Scheme("ticket")},
	}
	sess := &sessions.Manager{Store: new(sessions.MemoryStore)}
	srv := &channels.Server{DrainWindow: -1}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ticket", func(w http.ResponseWriter, r *http.Request) {
		ticket, err := tickets.Issue(r.Context(), "/ws")
		if err != nil {
			gate.Deny(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, ticket)
	})
	mux.Handle("/ws", srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		person, _ := auth.User[Person](ctx)
		return s.Send(ctx, channels.Text("hello "+person.Name))
	}))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		gate.Login(w, r, Person{ID: "7", Name: "Ann"}) // after a look at the password
	})
	server := httptest.NewTLSServer(auth.Stack(sess, gate)(mux))
	defer server.Close()
	defer srv.Shutdown(context.Background())

	client := server.Client()
	resp, err := client.Post(server.URL+"/login", "", nil)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	r, _ := http.NewRequest("POST", server.URL+"/ticket", nil)
	r.AddCookie(resp.Cookies()[0])
	resp, err = client.Do(r)
	if err != nil {
		panic(err)
	}
	ticket, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Println(len(ticket), "characters")

	ctx := context.Background()
	opts := &channels.DialOptions{TLSConfig: client.Transport.(*http.Transport).TLSClientConfig}
	address := strings.Replace(server.URL, "https", "wss", 1) + "/ws?ticket=" + string(ticket)
	c, _, err := channels.Dial(ctx, address, opts)
	if err != nil {
		panic(err)
	}
	m, err := c.Read(ctx)
	fmt.Println(string(m.Data), err)
	c.CloseNow()

	_, resp, _ = channels.Dial(ctx, address, opts)
	fmt.Println(resp.StatusCode)
	// Output:
	// 43 characters
	// hello Ann <nil>
	// 401
}
