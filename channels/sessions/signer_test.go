package sessions_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
)

var farFuture = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestSealAndOpen(t *testing.T) {
	s := ring(t, "a").Derive("p")
	for _, payload := range []string{"", "x", "\x00\xff.", strings.Repeat("long ", 1000)} {
		got, err := s.Open("n", s.Seal("n", []byte(payload), farFuture))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(payload, string(got)); diff != "" {
			t.Errorf("payload (-want +got):\n%s", diff)
		}
	}
}

// The format is a promise to cookies that are out there: it does not change unnoticed.
func TestTokenFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := ring(t, "a").Derive("purpose").Seal("name", []byte("payload"), time.Now().Add(time.Hour))
		want := "1.uzcppjaa.946684800.946688400.cGF5bG9hZA.9pJ4VfMs5DHPq5CXShiO6z1ZcSI4_6oNYgxEbfbFlWs"
		if diff := cmp.Diff(want, token); diff != "" {
			t.Errorf("token (-want +got):\n%s", diff)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	k := ring(t, "a")
	s := k.Derive("p")
	good := s.Seal("n", []byte("payload"), farFuture)
	part := strings.Split(good, ".")
	join := func(i int, with string) string {
		p := append([]string(nil), part...)
		p[i] = with
		return strings.Join(p, ".")
	}
	other := ring(t, "b").Derive("p").Seal("n", []byte("payload"), farFuture)
	otherPurpose := k.Derive("q").Seal("n", []byte("payload"), farFuture)
	tests := []struct{ name, token string }{
		{"empty", ""},
		{"dots", "....."},
		{"C13 another version", join(0, "2")},
		{"C13 an algorithm instead", join(0, "none")},
		{"C12 unknown key", join(1, "AAAAAAAA")},
		{"C12 a path for a key", join(1, "../../key")},
		{"C12 a long key id", join(1, strings.Repeat("A", 10<<10))},
		{"C12 key of another ring", other},
		{"C12 that key's token under our id", strings.Replace(other, strings.Split(other, ".")[1], part[1], 1)},
		{"C14 no MAC", join(5, "")},
		{"C14 MAC cut off", strings.Join(part[:5], ".")},
		{"C14 short MAC", join(5, part[5][:42])},
		{"C14 MAC of 33 bytes", join(5, part[5]+"A")},
		{"C5 padded", good + "="},
		{"C5 payload padded", join(4, part[4]+"==")},
		{"C4 a newline in the MAC", join(5, part[5][:20]+"\n"+part[5][20:])},
		{"C4 a return in the payload", join(4, part[4][:2]+"\r"+part[4][2:])},
		{"C17 leading zero", join(2, "0"+part[2])},
		{"C17 negative", join(2, "-1")},
		{"C17 later end", join(3, part[3]+"0")},
		{"C9 a dot moved", strings.Replace(good, "."+part[4], part[4][:1]+"."+part[4][1:], 1)},
		{"one field more", good + ".x"},
		{"C11 of another purpose", otherPurpose},
		{"C7 escaped", strings.ReplaceAll(good, ".", "%2E")},
		{"C6 quoted", `"` + good + `"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payload, err := s.Open("n", tt.token)
			if !errors.Is(err, sessions.ErrInvalidToken) {
				t.Errorf("error %v, want ErrInvalidToken", err)
			}
			if payload != nil {
				t.Errorf("payload %q with the error", payload)
			}
		})
	}
}

// C1: no prefix of a token opens.
func TestOpenRefusesTruncated(t *testing.T) {
	s := ring(t, "a").Derive("p")
	good := s.Seal("n", []byte("payload"), farFuture)
	for i := range good {
		if _, err := s.Open("n", good[:i]); err == nil {
			t.Errorf("C1: the first %d of %d characters open", i, len(good))
		}
	}
}

// C2: no bit of a token can be changed; nor any character to another one, which has
// C3 in it: the last character of the MAC has three aliases in base64.
func TestOpenRefusesEveryChange(t *testing.T) {
	s := ring(t, "a").Derive("p")
	good := s.Seal("n", []byte("payload"), farFuture)
	for i := range good {
		for bit := range 8 {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			if _, err := s.Open("n", string(bad)); err == nil {
				t.Errorf("C2: opens with bit %d of character %d changed", bit, i)
			}
		}
		for _, c := range []byte(alphabet) {
			bad := good[:i] + string(c) + good[i+1:]
			if _, err := s.Open("n", bad); err == nil && bad != good {
				t.Errorf("C2: opens with character %d as %q", i, c)
			}
		}
	}
	last := strings.IndexByte(alphabet, good[len(good)-1])
	for alias := last &^ 3; alias < last&^3+4; alias++ {
		bad := good[:len(good)-1] + alphabet[alias:alias+1]
		a, _ := base64.RawURLEncoding.DecodeString(bad[len(bad)-43:])
		b, _ := base64.RawURLEncoding.DecodeString(good[len(good)-43:])
		if string(a) != string(b) {
			t.Fatalf("%q is no alias", bad)
		}
		if _, err := s.Open("n", bad); err == nil && bad != good {
			t.Errorf("C3: opens with the alias %q of the last character", alphabet[alias])
		}
	}
}

// C8, C9, C10, C11: a token is worth nothing under another name or for another
// purpose, however the two are cut.
func TestTokensAreBound(t *testing.T) {
	k := ring(t, "a")
	type pair struct{ purpose, name string }
	pairs := []pair{
		{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"a", "cb"}, {"A", "bc"}, {"a", "bc\x00"},
	}
	for _, from := range pairs {
		token := k.Derive(from.purpose).Seal(from.name, []byte("x"), farFuture)
		for _, to := range pairs {
			_, err := k.Derive(to.purpose).Open(to.name, token)
			if (err == nil) != (from == to) {
				t.Errorf("C9: sealed for %q, opened for %q: error %v", from, to, err)
			}
		}
	}
}

// C17: times are checked in both directions.
func TestTokenTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ring(t, "a").Derive("p")
		start := time.Now()
		tests := []struct {
			name         string
			issued, ends time.Duration // from now
			good         bool
		}{
			{"now", 0, time.Second, true},
			{"C17 a clock ahead by 60 s", 60 * time.Second, time.Hour, true},
			{"C17 by 61 s", 61 * time.Second, time.Hour, false},
			{"C17 by a day", 24 * time.Hour, 48 * time.Hour, false},
			{"C17 by 2^62", 1 << 62, 1<<62 + 1<<40, false},
			{"long ago", -10000 * time.Hour, time.Second, true},
			{"C18 ended now", -time.Hour, 0, false},
			{"C18 ended", -time.Hour, -time.Second, false},
		}
		for _, tt := range tests {
			token := sessions.SealAt(s, "n", nil, start.Add(tt.issued).Unix(), start.Add(tt.ends).Unix())
			if _, err := s.Open("n", token); (err == nil) != tt.good {
				t.Errorf("%s: error %v", tt.name, err)
			}
		}
		if token := s.Seal("n", nil, time.Time{}); token != "" {
			if _, err := s.Open("n", token); err == nil {
				t.Error("C18: a zero time does not mean for ever")
			}
		}
		// C17: what does not fit into a time is refused although its MAC is right.
		for _, n := range []int64{1 << 62, 1<<63 - 1, 100_000_000_000} {
			if _, err := s.Open("n", sessions.SealAt(s, "n", nil, 0, n)); err == nil {
				t.Errorf("C17: a token that ends at %d opens", n)
			}
		}
		if _, err := s.Open("n", sessions.SealAt(s, "n", nil, -1, start.Unix()+60)); err == nil {
			t.Error("C17: a token from before 1970 opens")
		}
	})
}

func TestSum(t *testing.T) {
	k := ring(t, "a")
	sum := k.Derive("log").Sum([]byte("alice"))
	if sum != k.Derive("log").Sum([]byte("alice")) {
		t.Error("not the same twice")
	}
	for name, other := range map[string][32]byte{
		"data":    k.Derive("log").Sum([]byte("bob")),
		"purpose": k.Derive("mail").Sum([]byte("alice")),
		"key":     ring(t, "b").Derive("log").Sum([]byte("alice")),
	} {
		if sum == other {
			t.Errorf("the same with another %s", name)
		}
	}
}

func TestEmptyRing(t *testing.T) {
	s := sessions.Keyring{}.Derive("p")
	if _, err := s.Open("n", ring(t, "a").Derive("p").Seal("n", nil, farFuture)); !errors.Is(err, sessions.ErrInvalidToken) {
		t.Errorf("C48: Open with no key: %v", err)
	}
	for name, f := range map[string]func(){
		"Seal": func() { s.Seal("n", nil, farFuture) },
		"Sum":  func() { s.Sum(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s with no key does not panic", name)
				}
			}()
			f()
		}()
	}
}

// FuzzOpen: nothing but what was sealed opens, and nothing panics.
func FuzzOpen(f *testing.F) {
	s := ring(f, "a").Derive("p")
	good := s.Seal("n", []byte("payload"), farFuture)
	f.Add(good)
	f.Add(strings.ReplaceAll(good, ".", ".."))
	f.Add("1.AAAAAAAA.0.99999999999.." + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, token string) {
		payload, err := s.Open("n", token)
		if err != nil && !errors.Is(err, sessions.ErrInvalidToken) {
			t.Fatalf("error %v", err)
		}
		if err == nil && token != good {
			t.Fatalf("forged: %q opens as %q", token, payload)
		}
	})
}

func ExampleKeyring_Derive() {
	keys, err := sessions.ParseKeys("fI7IdOp8aFw9vDY2IyplJSDFnUDPNrXQiDdBm3CTUZM=")
	if err != nil {
		fmt.Println(err)
		return
	}
	invitations := keys.Derive("invitations")
	token := invitations.Seal("team 7", []byte("bob@example.com"), time.Now().Add(48*time.Hour))

	mail, err := invitations.Open("team 7", token)
	fmt.Printf("%s %v\n", mail, err)
	_, err = invitations.Open("team 8", token)
	fmt.Println(errors.Is(err, sessions.ErrInvalidToken))
	_, err = keys.Derive("password resets").Open("team 7", token)
	fmt.Println(errors.Is(err, sessions.ErrInvalidToken))
	// Output:
	// bob@example.com <nil>
	// true
	// true
}
