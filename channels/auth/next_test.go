package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/auth"
)

// A14: nothing but a path of this site is followed.
func TestSafeNext(t *testing.T) {
	for _, next := range []string{
		"/", "/rooms", "/rooms/lobby/?page=2&q=a+b", "/caf%C3%A9", "/café", "/a%20b", "/#top", "/a:b", "/?next=%2Fx", "/a/../b",
	} {
		if got := auth.SafeNext(next, "/home"); got != next {
			t.Errorf("%q is not followed", next)
		}
	}
	for _, next := range []string{
		"", "rooms", "?page=2", "#top", "//evil.com", `/\evil.com`, `\\evil.com`, `\/evil.com`, "///evil.com", "https:evil.com",
		"https://evil.com", "https:///evil.com", "/%09/evil.com", "/\t/evil.com", "/%5cevil.com", "/%5Cevil.com", "/%2fevil.com", "/%2Fevil.com",
		"http://good@evil.com", "javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "/\r\nSet-Cookie: a=b",
		"/%0d%0aSet-Cookie: a=b", "/\x00", "/%00", "/\u2028", "/a\u2029", "/a\u202eb", "/a\u200bb", "/\xff", "/%ff", "/%zz", "\t//evil.com", " //evil.com", " /x", "/a//evil.com",
		"/.//evil.com", "/..//evil.com", "http:/evil.com", "HTTPS://evil.com", "//good.com@evil.com", "/" + strings.Repeat("a", 2048),
		"/\u0085", "/\x7f", "/?a=\n", "/#\n", "mailto:a@b", "/\u00ad/evil.com",
	} {
		if got := auth.SafeNext(next, "/home"); got != "/home" {
			t.Errorf("%q is followed", next)
		}
	}
}

// A16: the form's first next counts, and what it says is looked at when it is used.
func TestNext(t *testing.T) {
	for _, tt := range []struct{ method, query, form, want string }{
		{"GET", "next=/a", "", "/a"},
		{"GET", "next=//evil.com", "", "/home"},
		{"POST", "next=/a", "", "/a"},
		{"POST", "next=/a", "next=/b", "/b"},
		{"POST", "next=/a", "next=//evil.com", "/home"},
		{"POST", "next=//evil.com", "next=/b&next=//evil.com", "/b"},
		{"POST", "", "next=//evil.com&next=/b", "/home"},
		{"POST", "", "next=%zz", "/home"},
		{"POST", "", "", "/home"},
	} {
		r := httptest.NewRequest(tt.method, "/login?"+tt.query, strings.NewReader(tt.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := auth.Next(r, "/home"); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// A17: after the POST comes a GET.
func TestRedirectNext(t *testing.T) {
	w := httptest.NewRecorder()
	auth.RedirectNext(w, httptest.NewRequest("POST", "/login?next=/rooms%3Fpage=2", nil), "/")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/rooms?page=2" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestLoginPage(t *testing.T) {
	s := newSite(t, func(s *site) {
		s.gate.Refuse = auth.LoginPage("/login", nil)
		s.mux.Handle("/members", s.gate.Require(http.HandlerFunc(whoami)))
		s.mux.Handle("/admins", s.gate.Permit(func(auth.Account) bool { return false })(http.HandlerFunc(whoami)))
		s.mux.Handle("/members/ws", s.gate.Require(s.srv.HandlerFunc(s.serve)))
	})
	resp, _ := s.Get("/members?a=1&b=//evil.com")
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther || to.Path != "/login" || to.Query().Get("next") != "/members?a=1&b=//evil.com" {
		t.Errorf("%s to %v", resp.Status, to)
	}
	if resp, _ = s.PostForm("/members", nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a POST: %s", resp.Status)
	}
	if resp = s.DialRefused("/members/ws"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a handshake: %s", resp.Status)
	}
	logIn(t, s.Browser, "alice")
	wantStatus(t, s.Browser, "/admins", http.StatusForbidden)
}

func ExampleSafeNext() {
	fmt.Println(auth.SafeNext("/rooms/lobby/", "/"))
	fmt.Println(auth.SafeNext("//evil.example", "/"))
	// Output:
	// /rooms/lobby/
	// /
}
