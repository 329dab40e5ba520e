package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/wstest"
)

func TestForms(t *testing.T) {
	a, _ := newTestApp(t)
	srv := wstest.NewServer(t, a.handler())
	tests := []struct {
		name       string
		path       string
		user, pass string
		status     int
		says       string
		whoami     string
	}{
		{"log in", "/login", "alice", "alice-demo", 303, "", `{"user":"alice"}`},
		{"wrong password", "/login", "alice", "bob-demo", 401, "do not match", `{"user":null}`},
		{"unknown name", "/login", "mallory", "alice-demo", 401, "do not match", `{"user":null}`},
		{"sign up", "/signup", "carol", "carol's own", 303, "", `{"user":"carol"}`},
		{"name taken", "/signup", "alice", "long enough", 422, "taken", `{"user":null}`},
		{"name too short", "/signup", "x", "long enough", 422, "2 to 24", `{"user":null}`},
		{"name with a space", "/signup", "a b", "long enough", 422, "2 to 24", `{"user":null}`},
		{"password too short", "/signup", "dave", "1234567", 422, "8 to 128", `{"user":null}`},
		{"a large form", "/login", "alice", strings.Repeat("x", 5<<10), 400, "malformed", `{"user":null}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := srv.NewBrowser()
			resp, body := b.PostForm(test.path, form(test.user, test.pass))
			if resp.StatusCode != test.status || !strings.Contains(body, test.says) {
				t.Errorf("%s %q, want %d with %q", resp.Status, body, test.status, test.says)
			}
			if resp.StatusCode == 303 && resp.Header.Get("Location") != "/" {
				t.Errorf("it redirects to %q", resp.Header.Get("Location"))
			}
			if resp, body := b.Get("/whoami"); strings.TrimSpace(body) != test.whoami {
				t.Errorf("whoami: %s %q, want %s", resp.Status, body, test.whoami)
			}
		})
	}
}

func TestLogout(t *testing.T) {
	a, _ := newTestApp(t)
	srv := wstest.NewServer(t, a.handler())
	b := login(t, srv, "alice", "alice-demo")
	if resp, body := b.PostForm("/logout", nil); resp.StatusCode != 303 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	if _, body := b.Get("/whoami"); strings.TrimSpace(body) != `{"user":null}` {
		t.Errorf("after the logout whoami is %s", body)
	}
}

// A form on another site cannot log anybody in or out.
func TestFormFromElsewhere(t *testing.T) {
	a, _ := newTestApp(t)
	srv := wstest.NewServer(t, a.handler())
	b := login(t, srv, "alice", "alice-demo")
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
	} {
		for _, path := range []string{"/login", "/signup", "/logout"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, wstest.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = header.Clone()
			resp, err := b.HTTP.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %v: %s, want 403", path, header, resp.Status)
			}
		}
	}
	if _, body := b.Get("/whoami"); strings.TrimSpace(body) != `{"user":"alice"}` {
		t.Errorf("whoami is %s", body)
	}
}

func TestPage(t *testing.T) {
	a, _ := newTestApp(t)
	srv := wstest.NewServer(t, a.handler())
	for path, contentType := range map[string]string{
		"/":              "text/html; charset=utf-8",
		"/style.css":     "text/css; charset=utf-8",
		"/app.js":        "text/javascript; charset=utf-8",
		"/connection.js": "text/javascript; charset=utf-8",
		"/view.js":       "text/javascript; charset=utf-8",
		"/icon.svg":      "image/svg+xml",
	} {
		resp, _ := srv.Get(path)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != contentType {
			t.Errorf("GET %s: %s, %s; want 200, %s", path, resp.Status, resp.Header.Get("Content-Type"), contentType)
		}
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s has the policy %q", path, csp)
		}
	}
	for _, path := range []string{"/index.html", "/nothing", "/login", "/web/"} {
		if resp, _ := srv.Get(path); resp.StatusCode == 200 {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
	}
}

// The page offers the ready accounts where there are any.
func TestPageOffersReadyAccounts(t *testing.T) {
	a, _ := newTestApp(t)
	_, with := wstest.NewServer(t, a.handler()).Get("/")
	a.ready = nil
	_, without := wstest.NewServer(t, a.handler()).Get("/")
	if !strings.Contains(with, "alice-demo") || strings.Contains(without, "alice") {
		t.Error("the ready accounts are not shown, or shown where there are none")
	}
}
