package main

import (
	"bytes"
	"log/slog"
	"net/url"
	"testing"

	"github.com/sluicehq/sluice/channels/wstest"
)

// newTestApp returns the application with its ready accounts, but passwords that
// cost little, and what it logs.
func newTestApp(t *testing.T) (*app, *bytes.Buffer) {
	t.Helper()
	keys, err := keyring("")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a, err := newApp(keys, nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	a.accounts.passwords.Iterations = 1
	a.ready = readyAccounts
	for _, r := range readyAccounts {
		if _, err := a.accounts.add(t.Context(), Account{Name: r.Name}, r.Password); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		a.chat.Shutdown(t.Context())
		a.open.Shutdown(t.Context())
	})
	return a, &log
}

func form(username, password string) url.Values {
	return url.Values{"username": {username}, "password": {password}}
}

// login returns a browser in which somebody is logged in.
func login(t *testing.T, srv *wstest.Server, username, password string) *wstest.Browser {
	t.Helper()
	b := srv.NewBrowser()
	if resp, body := b.PostForm("/login", form(username, password)); resp.StatusCode != 303 {
		t.Fatalf("log in as %s: %s: %s", username, resp.Status, body)
	}
	return b
}
