package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

func newTestApp(t *testing.T) (*app, string) {
	t.Helper()
	a, err := newApp(1000)
	if err != nil {
		t.Fatal(err)
	}
	user, _ := a.users.Lookup("alice")
	return a, user.ID
}

// raw makes a token of a header and claims as they are, with whatever signs.
func raw(header, claims string, sign func(string) []byte) string {
	e := base64.RawURLEncoding
	text := e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims))
	return text + "." + e.EncodeToString(sign(text))
}

// T11: what a token says about itself decides nothing.
func TestVerify(t *testing.T) {
	a, id := newTestApp(t)
	now := time.Now()
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"iss": a.tokens.issuer, "aud": a.tokens.audience, "sub": id, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
		if change != nil {
			change(c)
		}
		return c
	}
	signed := func(method jwt.SigningMethod, key any, header map[string]any, c jwt.MapClaims) string {
		token := jwt.NewWithClaims(method, c)
		token.Header["kid"] = "1"
		for name, value := range header {
			token.Header[name] = value
		}
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ours := func(change func(jwt.MapClaims)) string {
		return signed(jwt.SigningMethodEdDSA, a.tokens.private, nil, claims(change))
	}
	kid := func(kid any) string {
		return signed(jwt.SigningMethodEdDSA, a.tokens.private, map[string]any{"kid": kid}, claims(nil))
	}
	sign := func(text string) []byte { return ed25519.Sign(a.tokens.private, []byte(text)) }
	_, strange, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := a.tokens.private.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := ours(nil)
	tests := map[string]string{
		"alg none":                      signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, claims(nil)),
		"alg nOnE":                      raw(`{"alg":"nOnE","kid":"1"}`, `{"sub":"1"}`, func(string) []byte { return nil }),
		"HS256 with the public key":     signed(jwt.SigningMethodHS256, []byte(public), nil, claims(nil)),
		"HS256 with the public key PEM": signed(jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil, claims(nil)),
		"RS256 of a key of its own":     signed(jwt.SigningMethodRS256, rsaKey, map[string]any{"jwk": map[string]string{"kty": "RSA"}, "jku": "https://evil.example/keys"}, claims(nil)),
		"a strange key":                 signed(jwt.SigningMethodEdDSA, strange, nil, claims(nil)),
		"kid path":                      kid("../../../dev/null"),
		"kid of SQL":                    kid("1' UNION SELECT 'x"),
		"kid unknown":                   kid("2"),
		"kid list":                      kid([]string{"1"}),
		"no exp":                        ours(func(c jwt.MapClaims) { delete(c, "exp") }),
		"exp in the past":               ours(func(c jwt.MapClaims) { c["exp"] = now.Add(-time.Second).Unix() }),
		"exp null":                      ours(func(c jwt.MapClaims) { c["exp"] = nil }),
		"exp a string":                  ours(func(c jwt.MapClaims) { c["exp"] = "never" }),
		"exp 1e309":                     raw(`{"alg":"EdDSA","kid":"1"}`, `{"iss":"https://localhost:8081","aud":"sluice example","sub":"`+id+`","iat":1,"exp":1e309}`, sign),
		"iat in the future":             ours(func(c jwt.MapClaims) { c["iat"] = now.Add(time.Hour).Unix() }),
		"no iat":                        ours(func(c jwt.MapClaims) { delete(c, "iat") }),
		"nbf in the future":             ours(func(c jwt.MapClaims) { c["nbf"] = now.Add(time.Hour).Unix() }),
		"no sub":                        ours(func(c jwt.MapClaims) { delete(c, "sub") }),
		"another issuer":                ours(func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }),
		"another audience":              ours(func(c jwt.MapClaims) { c["aud"] = "another" }),
		"another user":                  ours(func(c jwt.MapClaims) { c["sub"] = "ghost" }),
		"signature cut":                 good[:len(good)-1],
		"no signature":                  good[:strings.LastIndexByte(good, '.')+1],
		"padded":                        good + "=",
		"empty":                         "",
		"two dots":                      "..",
	}
	for name, token := range tests {
		grant, err := a.tokens.verify(t.Context(), token)
		if err == nil && name == "another user" { // the signature is good: the gate says no
			err = a.gate.AdoptGrant(channels.ContextWithScope(t.Context(), channels.NewScope("chat", "")), grant)
		}
		if !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %+v, %v, want ErrDenied", name, grant, err)
		}
	}
	grant, err := a.tokens.verify(t.Context(), good)
	if err != nil || grant.UserID != id || grant.Expires.Unix() != now.Add(time.Minute).Unix() || grant.Issued.Unix() != now.Unix() {
		t.Errorf("a good one: %+v, %v", grant, err)
	}
}

// T12: a token that ends ends the connection, unless another is shown.
func TestSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, id := newTestApp(t)
		a.srv.Upgrader.PingInterval = -1
		a.srv.Upgrader.Limits.MessageTime = -1
		s := wstest.NewServer(t, a.handler())
		resp, token := s.PostForm("/token", url.Values{"username": {"alice"}, "password": {"alice-demo"}})
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", resp.Status, token)
		}
		dial := func(token string) func(*channels.DialOptions) {
			return func(o *channels.DialOptions) {
				o.Subprotocols = []string{"echo", auth.BearerProtocolPrefix + base64.RawURLEncoding.EncodeToString([]byte(token))}
			}
		}
		c := s.Dial("/ws", dial(token))
		c.Send("hello")
		c.Want("hello")
		time.Sleep(14 * time.Minute)
		next, _, err := a.tokens.issue(id)
		if err != nil {
			t.Fatal(err)
		}
		c.Send("token " + next)
		c.Want("refreshed")
		start := time.Now()
		_, err = c.Read(t.Context())
		if took := time.Since(start).Round(time.Minute); channels.CloseStatus(err) != channels.StatusUnauthorized || took != 15*time.Minute {
			t.Errorf("%v after %v, want 3000 after 15 minutes", err, took)
		}
		if resp := s.DialRefused("/ws", dial(next)); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("with the old token: %s", resp.Status)
		}
	})
}

func TestWhoami(t *testing.T) {
	a, id := newTestApp(t)
	s := wstest.NewServer(t, a.handler())
	token, _, err := a.tokens.issue(id)
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{token: 200, "guessed": 401, "": 400} {
		r, err := http.NewRequest("GET", wstest.URL+"/whoami", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("token of %d bytes: %s, want %d", len(token), resp.Status, want)
		}
	}
}
