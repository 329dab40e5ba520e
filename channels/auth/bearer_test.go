package auth_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// tokens verify the tokens that they know.
type tokens map[string]auth.Grant

func (t tokens) verify(_ context.Context, token string) (auth.Grant, error) {
	if token == "outage" {
		return auth.Grant{}, errors.New("cannot reach the issuer")
	}
	if grant, ok := t[token]; ok {
		return grant, nil
	}
	return auth.Grant{}, auth.ErrDenied
}

// newTokenSite returns a site with all kinds of tokens: "alice-token", "bob-token", and
// "ghost-token" of a user who is not there.
func newTokenSite(tb testing.TB, setup func(*site)) *site {
	tb.Helper()
	known := make(tokens)
	return newSite(tb, func(s *site) {
		known["alice-token"] = auth.Grant{UserID: s.user(tb, "alice").ID}
		known["bob-token"] = auth.Grant{UserID: s.user(tb, "bob").ID}
		known["ghost-token"] = auth.Grant{UserID: "ghost"}
		known["expired-token"] = auth.Grant{UserID: s.user(tb, "alice").ID, Expires: time.Now()}
		known["hour-token"] = auth.Grant{UserID: s.user(tb, "alice").ID, Expires: time.Now().Add(time.Hour)}
		s.srv.Upgrader.Subprotocols = []string{"chat"}
		s.gate.Schemes = []auth.Scheme{
			auth.Bearer(known.verify),
			auth.BearerProtocol(known.verify),
			{
				Name:   "query token",
				Take:   func(r *http.Request) (string, error) { return auth.TakeQuery(r, "token") },
				Verify: known.verify,
			},
		}
		s.mux.Handle("/members", s.gate.Require(http.HandlerFunc(whoami)))
		if setup != nil {
			setup(s)
		}
	})
}

func bearerProtocol(token string) string {
	return auth.BearerProtocolPrefix + base64.RawURLEncoding.EncodeToString([]byte(token))
}

func offer(subprotocols ...string) func(*channels.DialOptions) {
	return func(o *channels.DialOptions) { o.Subprotocols = subprotocols }
}

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = values }
}

func TestBearer(t *testing.T) {
	s := newTokenSite(t, nil)
	h := auth.Stack(&s.sessions, &s.gate)(s.mux)
	tests := []struct {
		name string
		line []string
		want string
	}{
		{"good", []string{"Bearer alice-token"}, "200 alice"},
		{"lower case", []string{"bearer alice-token"}, "200 alice"},
		{"none", nil, "200 nobody"},
		{"unknown", []string{"Bearer guessed"}, "401 Please log in."},
		{"T13 of a user who is not there", []string{"Bearer ghost-token"}, "401 Please log in."},
		{"expired", []string{"Bearer expired-token"}, "401 Please log in."},
		{"not checkable", []string{"Bearer outage"}, "503 Logging in is not possible at the moment."},
		{"empty", []string{"Bearer "}, "400 The credentials are malformed."},
		{"no token", []string{"Bearer"}, "400 The credentials are malformed."},
		{"two spaces", []string{"Bearer  alice-token"}, "400 The credentials are malformed."},
		{"two tokens", []string{"Bearer alice-token, Bearer bob-token"}, "400 The credentials are malformed."},
		{"two fields", []string{"Bearer alice-token", "Bearer bob-token"}, "400 The credentials are malformed."},
		{"two fields of two kinds", []string{"Basic YTpi", "Bearer alice-token"}, "400 The credentials are malformed."},
		{"not ASCII", []string{"Bearer alice\u2028token"}, "400 The credentials are malformed."},
		{"8 KiB and 1", []string{"Bearer " + strings.Repeat("x", 8193)}, "400 The credentials are malformed."},
		{"T18 Basic is not its", []string{"Basic YWxpY2U6c2VjcmV0"}, "200 nobody"},
		{"T18 Basic without a colon", []string{"Basic YWxpY2U"}, "200 nobody"},
		{"T18 Basic, not UTF-8", []string{"Basic /////w=="}, "200 nobody"},
		{"T18 Basic of 1 MiB", []string{"Basic " + strings.Repeat("x", 1<<20)}, "200 nobody"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := serve(h, "GET", "/whoami", header("Authorization", tt.line...)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if tt.want == "200 nobody" {
				if got := serve(h, "GET", "/members", header("Authorization", tt.line...)); got != "401 Please log in." {
					t.Errorf("behind Require: %s", got)
				}
			}
		})
	}
}

// RFC 9110, Section 15.5.2: a 401 has a challenge.
func TestChallenge(t *testing.T) {
	s := newTokenSite(t, nil)
	resp, _ := s.Get("/members")
	if got := resp.Header.Get("WWW-Authenticate"); got != "Bearer" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header: %v", resp.Header)
	}
	plain := newSite(t, func(s *site) { s.mux.Handle("/members", s.gate.Require(http.HandlerFunc(whoami))) })
	resp, _ = plain.Get("/members")
	if got := resp.Header.Get("WWW-Authenticate"); got != "Session" {
		t.Errorf("WWW-Authenticate: %q", got)
	}
}

// T9, T10: the token in a subprotocol is taken out and never agreed on.
func TestBearerProtocol(t *testing.T) {
	s := newTokenSite(t, nil)
	c := s.Dial("/ws", offer("chat", bearerProtocol("alice-token")))
	c.Want("alice")
	if got := c.Subprotocol(); got != "chat" {
		t.Errorf("agreed on %q", got)
	}
	c.Close()
	c = s.Dial("/ws", offer(bearerProtocol("alice-token"), "v2", "chat"))
	c.Want("alice")
	c.Close()

	raw := auth.BearerProtocolPrefix
	alice := bearerProtocol("alice-token")
	tests := []struct {
		name string
		want int
		line []string
	}{
		{"T9 twice", 400, []string{"chat, " + alice + ", " + alice}},
		{"T9 twice, in two fields", 400, []string{"chat, " + alice, bearerProtocol("bob-token")}},
		{"T9 empty", 400, []string{"chat, " + raw}},
		{"T9 not base64", 400, []string{"chat, " + raw + "!!!!"}},
		{"T9 standard alphabet", 400, []string{"chat, " + raw + "+/+/"}},
		{"T9 padded", 400, []string{"chat, " + raw + "YWxpY2UtdG9rZW4="}},
		{"T9 not canonical", 400, []string{"chat, " + raw + "YR"}},
		{"T9 not UTF-8", 400, []string{"chat, " + raw + "____"}},
		{"T9 64 KiB", 400, []string{"chat, " + raw + strings.Repeat("YWFh", 16<<10)}},
		{"T10 alone", 400, []string{alice}},
		{"T10 alone, with commas", 400, []string{", " + alice + ",,"}},
		{"unknown token", 401, []string{"chat, " + bearerProtocol("guessed")}},
		{"another case of the prefix is no token", 101, []string{"chat, " + strings.ToUpper(raw) + "YWxpY2U"}},
		{"not at the beginning is no token", 101, []string{"chat, x" + alice}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := rawHandshake(t, s, "/ws", tt.line)
			if status != tt.want {
				t.Errorf("status %d, want %d", status, tt.want)
			}
			if strings.Contains(answer, "bearer") || strings.Contains(answer, "YWxpY2UtdG9rZW4") {
				t.Errorf("the answer has the token in it:\n%s", answer)
			}
		})
	}
}

// rawHandshake sends a handshake with lines of subprotocols, and returns the status and
// all of the answer's head.
func rawHandshake(t *testing.T, s *site, target string, subprotocols []string) (int, string) {
	t.Helper()
	nc := s.NetConn()
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", target)
	fmt.Fprintf(&b, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	for _, line := range subprotocols {
		fmt.Fprintf(&b, "Sec-WebSocket-Protocol: %s\r\n", line)
	}
	b.WriteString("\r\n")
	if _, err := nc.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(nc, &head)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, head.String()
}

// T7, T17: a token in the address, by a scheme of one's own.
func TestQueryToken(t *testing.T) {
	var seen *url.URL
	var uri string
	s := newTokenSite(t, func(s *site) {
		s.mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) {
			seen, uri = r.URL, r.RequestURI
			whoami(w, r)
		})
	})
	wantBody(t, s.Browser, "/seen?a=1&token=alice-token&b=2", "alice")
	if seen.RawQuery != "a=1&b=2" || uri != "/seen?a=1&b=2" {
		t.Errorf("the handler sees %s and %s", seen, uri)
	}
	wantBody(t, s.Browser, "/seen?tokens=alice-token", "nobody")
	wantBody(t, s.Browser, "/seen?%74oken=alice-token", "alice") // as ParseQuery says
	for _, query := range []string{
		"token=alice-token&token=bob-token", "token=alice-token&token=alice-token", "token=",
		"token", "token=alice-token&a=%zz", "token=alice-token;b=2", "token=" + strings.Repeat("x", 8193),
	} {
		wantStatus(t, s.Browser, "/seen?"+query, http.StatusBadRequest)
	}
	wantStatus(t, s.Browser, "/seen?token=guessed", http.StatusUnauthorized)
}

// T8: credentials of different users are refused, whatever they are.
func TestTwoCredentials(t *testing.T) {
	s := newTokenSite(t, nil)
	h := auth.Stack(&s.sessions, &s.gate)(s.mux)
	logIn(t, s.Browser, "alice")
	session := withCookie(cookie(t, s.Browser))
	bearer := func(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }
	tests := []struct {
		name, target string
		change       []func(*http.Request)
		want         string
	}{
		{"session and bearer of one", "/whoami", []func(*http.Request){session, bearer("alice-token")}, "200 alice"},
		{"session and bearer of two", "/whoami", []func(*http.Request){session, bearer("bob-token")}, "401 Please log in."},
		{"session and query of two", "/whoami?token=bob-token", []func(*http.Request){session}, "401 Please log in."},
		{"bearer and query of two", "/whoami?token=bob-token", []func(*http.Request){bearer("alice-token")}, "401 Please log in."},
		{"three of one", "/whoami?token=alice-token", []func(*http.Request){session, bearer("alice-token")}, "200 alice"},
		{"session, and a token that is no good", "/whoami", []func(*http.Request){session, bearer("guessed")}, "401 Please log in."},
		{"the same behind Require", "/members", []func(*http.Request){session, bearer("guessed")}, "401 Please log in."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := serve(h, "GET", tt.target, tt.change...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if resp := s.DialRefused("/ws", offer("chat", bearerProtocol("bob-token"))); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a handshake with the session of one and the token of another: %s", resp.Status)
	}
}

// T12: a connection ends with its token, unless it shows another in time.
func TestTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenSite(t, nil)
		c := s.Dial("/ws", offer("chat", bearerProtocol("hour-token")))
		c.Want("alice")
		start := time.Now()
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != time.Hour {
			t.Errorf("%v after %v, want 3000 after an hour", err, took)
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *site
		s = newTokenSite(t, func(s *site) {
			s.mux.Handle("/refresh", s.srv.HandlerFunc(func(ctx context.Context, socket *channels.Socket) error {
				for m, err := range socket.Messages(ctx) {
					if err != nil {
						return err
					}
					grant := auth.Grant{UserID: s.user(t, string(m.Data)).ID, Expires: time.Now().Add(time.Hour)}
					answer := "refreshed"
					if err := s.gate.Refresh(ctx, grant); err != nil {
						answer = fmt.Sprint("denied: ", errors.Is(err, auth.ErrDenied))
					}
					if err := socket.Send(ctx, channels.Text(answer)); err != nil {
						return err
					}
				}
				return nil
			}))
		})
		c := s.Dial("/refresh", offer("chat", bearerProtocol("hour-token")))
		start := time.Now()
		for range 3 {
			time.Sleep(50 * time.Minute)
			c.Send("alice")
			c.Want("refreshed")
		}
		c.Send("bob") // T14: not as another user
		c.Want("denied: true")
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != 210*time.Minute {
			t.Errorf("%v after %v, want 3000 an hour after the last", err, took)
		}
	})
}

// A session that ends takes the sockets along that its pages opened with a token.
func TestTokenAndSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenSite(t, nil)
		logIn(t, s.Browser, "alice")
		c := s.Dial("/ws", offer("chat", bearerProtocol("alice-token")))
		c.Want("alice")
		s.PostForm("/logout", nil)
		c.WantClose(channels.StatusUnauthorized)
	})
}

// A user whom only his token describes.
func TestGrantWithUser(t *testing.T) {
	verify := func(_ context.Context, token string) (auth.Grant, error) {
		return auth.Grant{User: Person{ID: token, Name: "Mr " + token}}, nil
	}
	gate := &auth.Gate[Person]{Schemes: []auth.Scheme{auth.Bearer(verify)}, Logger: quiet}
	h := gate.Handler(http.HandlerFunc(greet))
	if got := serve(h, "GET", "/", header("Authorization", "Bearer 7")); got != "200 hello Mr 7" {
		t.Error(got)
	}
	if err := gate.RevokeUser(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	scope := channels.NewScope("chat", "")
	ctx := channels.ContextWithScope(t.Context(), scope)
	old := auth.Grant{User: Person{ID: "7"}, Issued: time.Now().Add(-time.Minute)}
	if err := gate.AdoptGrant(ctx, old); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("issued before the revocation: %v", err)
	}
	for name, grant := range map[string]auth.Grant{
		"nobody":   {},
		"no ID":    {User: Person{}},
		"no table": {UserID: "7"},
	} {
		if err := gate.AdoptGrant(ctx, grant); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", name, err)
		}
	}
	if got := panicOf(func() { gate.AdoptGrant(ctx, auth.Grant{User: &Person{ID: "7"}}) }); !strings.Contains(got, "*auth_test.Person") {
		t.Errorf("a user of another type: panic %q", got)
	}
}

// A12: no page of another site gets anywhere, and makes nobody look anything up.
func TestForeignOrigin(t *testing.T) {
	backend := &counting{user: everybody}
	store := &countingStore{Store: new(sessions.MemoryStore)}
	verified := 0
	sess := &sessions.Manager{Store: store, Logger: quiet}
	srv := &channels.Server{Logger: quiet}
	gate := &auth.Gate[Person]{
		Backends: []auth.Backend[Person]{backend},
		Schemes: []auth.Scheme{auth.BearerProtocol(func(context.Context, string) (auth.Grant, error) {
			verified++
			return auth.Grant{UserID: "7"}, nil
		})},
		Revoker: srv, Logger: quiet,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := gate.Login(w, r, Person{ID: "7"}); err != nil {
			t.Error(err)
		}
	})
	socket := srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		auth.User[Person](ctx)
		return nil
	})
	mux.Handle("/ws", socket)
	mux.Handle("/guarded", srv.Guard(gate.Require(socket)))
	s := wstest.NewServer(t, auth.Stack(sess, gate)(mux))
	s.PostForm("/login", nil)
	for _, path := range []string{"/ws", "/guarded"} {
		for _, origin := range []string{"https://evil.example", "https://sub.localhost", "http://localhost", "https://localhost:8443", "null"} {
			loads, calls := store.loads, backend.calls
			resp := s.DialRefused(path, offer("chat", bearerProtocol("x")), func(o *channels.DialOptions) { o.Origin = origin })
			if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 {
				t.Errorf("%s from %s: %s, %v", path, origin, resp.Status, resp.Cookies())
			}
			if store.loads != loads || backend.calls != calls || verified != 0 {
				t.Errorf("%s from %s: %d sessions and %d users were loaded, %d tokens verified",
					path, origin, store.loads-loads, backend.calls-calls, verified)
			}
		}
	}
	c := s.Dial("/guarded", offer("chat", bearerProtocol("x")))
	c.WantClose(channels.StatusNormalClosure)
	if verified != 1 {
		t.Errorf("from the site itself %d tokens were verified", verified)
	}
}

// countingStore counts what is loaded.
type countingStore struct {
	sessions.Store
	loads int
}

func (s *countingStore) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	s.loads++
	return s.Store.Load(ctx, key)
}

// T15, L1, L2, L8: no credential is in any log, error or answer.
func TestNoSecretIsShown(t *testing.T) {
	var log bytes.Buffer
	var s *site
	s = newTokenSite(t, func(s *site) {
		logger := slog.New(slog.NewTextHandler(&log, nil))
		s.gate.Logger, s.sessions.Logger, s.srv.Logger = logger, logger, logger
		s.mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				scope, _ := channels.ScopeFrom(r.Context())
				logger.Error("panic", "value", recover(), "scope", scope, "url", r.URL, "uri", r.RequestURI)
			}()
			user, _ := auth.User[auth.Account](r.Context())
			panic(fmt.Sprintf("%v %+v %#v", user, user, user))
		})
	})
	answers := new(bytes.Buffer)
	h := auth.Stack(&s.sessions, &s.gate)(s.mux)
	note := func(answer string) { fmt.Fprintln(answers, answer) }
	note(serve(h, "GET", "/whoami?token=SECRET-query"))
	note(serve(h, "GET", "/whoami?token=SECRET-query&token=SECRET-query"))
	note(serve(h, "GET", "/panic?token=alice-token"))
	note(serve(h, "GET", "/whoami", header("Authorization", "Bearer SECRET-bearer")))
	note(serve(h, "GET", "/whoami", header("Authorization", "Bearer SECRET bearer")))
	note(serve(h, "GET", "/whoami?token=outage"))
	_, answer := rawHandshake(t, s, "/ws?token=SECRET-query", []string{"chat, " + bearerProtocol("SECRET-protocol")})
	note(answer)
	// L10: a password that was typed into the field of the name.
	for _, name := range []string{"SECRET-name", "SECRET\n\x1b[31mname", strings.Repeat("SECRET", 1000)} {
		resp, body := s.PostForm("/login", url.Values{"username": {name}, "password": {"SECRET-password"}})
		note(resp.Status + body)
	}
	note(fmt.Sprintf("%v %+v %#v %s", auth.Credentials{Username: "SECRET"}, auth.Credentials{Password: "SECRET"},
		auth.Credentials{Token: "SECRET"}, auth.Credentials{Username: "SECRET", Password: "SECRET"}))
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credentials", auth.Credentials{Token: "SECRET"})
	for _, secret := range []string{"SECRET", "alice-token", base64.RawURLEncoding.EncodeToString([]byte("SECRET-protocol")), s.stamp(t)} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%.9q is in the log:\n%s", secret, log.String())
		}
		if strings.Contains(answers.String(), secret) {
			t.Errorf("%.9q is in an answer:\n%s", secret, answers.String())
		}
	}
	if !strings.Contains(log.String(), "login failed") {
		t.Errorf("no failed login is in the log:\n%s", log.String())
	}
}

// stamp returns alice's, which no print of an Account shows.
func (s *site) stamp(t *testing.T) string { return s.user(t, "alice").SessionStamp() }
