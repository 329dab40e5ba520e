package auth_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
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
	if got := resp.Header["Www-Authenticate"]; len(got) != 1 || got[0] != "Bearer" || resp.Header.Get("Cache-Control") != "no-store" {
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
