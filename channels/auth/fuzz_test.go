package auth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels/auth"
)

// Whatever is stored costs what it may, and only the password that was hashed is right.
func FuzzVerify(f *testing.F) {
	p := auth.Passwords{Iterations: 10}
	good, err := p.Hash(f.Context(), "secret")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		good, "", "!", "pbkdf2_sha256$1$s$" + strings.Repeat("A", 43) + "=", "pbkdf2_sha1$1$s$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"pbkdf2_sha256$-1$s$", "pbkdf2_sha256$1000000000000$s$", "$$$", "md5$a$b", "pbkdf2_sha256$01$s$", good + "\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		iterations := 0
		p := auth.Passwords{Iterations: 10, MaxIterations: 100, Derived: func(n int) { iterations += n }}
		if ok, err := p.Verify(t.Context(), stored, "no such password", nil); ok || err != nil {
			t.Errorf("%q: %v, %v", stored, ok, err)
		}
		if iterations < 10 || iterations > 100 {
			t.Errorf("%q costs %d", stored, iterations)
		}
	})
}

// A ticket is 43 characters of base64url or it is refused, and an unknown one is denied.
func FuzzTicket(f *testing.F) {
	for _, seed := range []string{
		strings.Repeat("A", 43), strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "=", strings.Repeat("A", 44), "", "\n",
		strings.Repeat("A", 42) + "\n", strings.Repeat("+", 43), strings.Repeat("-", 42) + "8",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asked := false
		tickets := auth.Tickets{Store: askedStore{&asked}}
		_, err := tickets.Redeem(t.Context(), text, "chat")
		raw, decodeErr := base64.RawURLEncoding.DecodeString(text)
		canonical := decodeErr == nil && len(raw) == 32 && base64.RawURLEncoding.EncodeToString(raw) == text
		if asked != canonical {
			t.Errorf("%q: the store was asked %v, want %v", text, asked, canonical)
		}
		if want := map[bool]error{true: auth.ErrDenied, false: auth.ErrMalformed}[canonical]; !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	})
}

// What is followed stays on the site, by the rules of a browser.
func FuzzSafeNext(f *testing.F) {
	for _, seed := range []string{
		"/", "/rooms?page=2", "//evil.com", `/\evil.com`, "/%5cevil.com", "/%09/evil.com", "/\t/evil.com", "https:evil.com",
		"/.//evil.com", "/a/..//evil.com", "/\u2028", "javascript:alert(1)", "/%2f%2fevil.com", "/;/evil", "/?//evil.com",
	} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "good.example", Path: "/a/b"}
	f.Fuzz(func(t *testing.T, next string) {
		got := auth.SafeNext(next, "/home")
		if got == "/home" {
			return
		}
		if got != next {
			t.Fatalf("%q became %q", next, got)
		}
		// The URL Standard: a browser strips control characters and spaces at the
		// ends, removes tabs and line ends, and takes \ for /.
		browser := strings.Trim(next, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
		browser = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(browser)
		u, err := base.Parse(browser)
		if err != nil || u.Scheme != "https" || u.Host != "good.example" || strings.HasPrefix(browser, "//") {
			t.Errorf("%q goes to %v, %v", next, u, err)
		}
		if !utf8.ValidString(next) || strings.ContainsAny(next, "\r\n\x00") {
			t.Errorf("%q is followed", next)
		}
		w := httptest.NewRecorder()
		http.Redirect(w, httptest.NewRequest("POST", "/login", nil), got, http.StatusSeeOther)
		if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			t.Errorf("%q redirects to %q", next, to)
		}
	})
}

// Whatever subprotocols are offered, no token is left for the handshake to see, and what
// is left is what was offered.
func FuzzBearerProtocol(f *testing.F) {
	token := auth.BearerProtocolPrefix + "YWxpY2U"
	for _, seed := range []string{
		token, "chat, " + token, token + ",chat", token + ", " + token, "chat," + auth.BearerProtocolPrefix, "chat", "", ",,,",
		"chat," + auth.BearerProtocolPrefix + "____", "x" + token, "chat,\t" + token + " ", "chat, " + token + "=",
	} {
		f.Add(seed)
	}
	scheme := auth.BearerProtocol(nil)
	f.Fuzz(func(t *testing.T, line string) {
		before := http.Header{"Sec-Websocket-Protocol": {line}}
		r := &http.Request{Header: before}
		token, err := scheme.Take(r)
		left := r.Header.Get("Sec-Websocket-Protocol")
		if before.Get("Sec-Websocket-Protocol") != line {
			t.Fatalf("the caller's header was changed to %q", before)
		}
		switch {
		case errors.Is(err, auth.ErrNotMine), errors.Is(err, auth.ErrMalformed):
			if left != line {
				t.Errorf("%q: refused, and left %q", line, left)
			}
		case err != nil:
			t.Errorf("%q: %v", line, err)
		default:
			if token == "" || !utf8.ValidString(token) {
				t.Errorf("%q: token %q", line, token)
			}
			var want []string
			for entry := range strings.SplitSeq(line, ",") {
				entry = strings.Trim(entry, " \t")
				if entry != "" && !strings.HasPrefix(entry, auth.BearerProtocolPrefix) {
					want = append(want, entry)
				}
			}
			if got := strings.Split(left, ", "); !slices.Equal(got, want) {
				t.Errorf("%q: left %q, want %q", line, got, want)
			}
		}
	})
}
