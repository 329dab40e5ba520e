package auth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

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
	s := newTokenSite(t, func(s *site) {
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
