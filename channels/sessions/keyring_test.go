package sessions_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// L4: a key that is missing, short, repeated or an example is refused at the start.
func TestNewKeyringRefuses(t *testing.T) {
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(i)
	}
	tests := []struct {
		name string
		keys [][]byte
		want string
	}{
		{"none", nil, "no key"},
		{"nil", [][]byte{nil}, "key 1 has 0 bytes"},
		{"8 bytes", [][]byte{[]byte("8 bytes.")}, "key 1 has 8 bytes and needs at least 32"},
		{"31 bytes", [][]byte{secret("a")[:31]}, "key 1 has 31 bytes"},
		{"zeros", [][]byte{make([]byte, 32)}, "key 1 is not random"},
		{"counting", [][]byte{counting}, "key 1 is not random"},
		{"a block twice", [][]byte{bytes.Repeat(secret("a")[:16], 2)}, "key 1 is not random"},
		{"few letters", [][]byte{[]byte("abcabdabeabfabcabdabeabfacdaceac")}, "key 1 is not random"},
		{"an example", [][]byte{[]byte("this-is-an-example-key-of-more-than-32-bytes")}, "key 1 looks like an example"},
		{"change me", [][]byte{[]byte("please CHANGE-ME to something of 32 bytes")}, "key 1 looks like an example"},
		{"the second", [][]byte{secret("a"), []byte("short")}, "key 2 has 5 bytes"},
		{"equal to a fallback", [][]byte{secret("a"), secret("b"), secret("a")}, "keys 1 and 3 are the same"},
	}
	for _, tt := range tests {
		t.Run("L4 "+tt.name, func(t *testing.T) {
			k, err := sessions.NewKeyring(tt.keys...)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
			if !k.IsZero() {
				t.Error("a ring was returned with the error")
			}
		})
	}
}

func TestNewKeyringTakes(t *testing.T) {
	for name, key := range map[string][]byte{
		"32 random bytes":     secret("a"),
		"64 random bytes":     append(secret("a"), secret("b")...),
		"hexadecimal digits":  fmt.Appendf(nil, "%x", secret("a")),
		"half as many digits": fmt.Appendf(nil, "%x", secret("a"))[:32],
	} {
		if _, err := sessions.NewKeyring(key); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The ring keeps a copy: a caller that wipes its own does not change it.
func TestKeyringCopiesKeys(t *testing.T) {
	key := secret("a")
	k, err := sessions.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	clear(key)
	token := k.Derive("p").Seal("n", nil, time.Now().Add(time.Hour))
	if _, err := ring(t, "a").Derive("p").Open("n", token); err != nil {
		t.Error("the ring changed with the caller's slice")
	}
}

// L8: no way of printing shows a key.
func TestKeyringPrintsIDsOnly(t *testing.T) {
	k := ring(t, "a", "b")
	type config struct {
		Keys   sessions.Keyring
		ring   sessions.Keyring
		signer *sessions.Signer
	}
	c := config{k, k, k.Derive("p")}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "keys", k, "config", c)
	shown := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb+" "+verb+" "+verb+" "+verb+"\n", k, &k, c, c.signer)
	}
	for _, key := range [][]byte{secret("a"), secret("b")} {
		for _, form := range []string{"%s", "%x", "%d", "%v", "%#v"} {
			text := fmt.Sprintf(form, key)
			if i := strings.Index(text, " "); i > 0 {
				text = text[1:min(len(text), 24)] // a list of numbers, however it begins
			}
			if strings.Contains(shown, text) {
				t.Errorf("printed as %s, a key is readable", form)
			}
		}
	}
	if got := k.Derive("p").Seal("", nil, time.Now()); !strings.Contains(shown, strings.Split(got, ".")[1]) {
		t.Error("the key ids are not shown")
	}
}

// L5, C15, C16: a rotation, step by step, with tokens of either server accepted by
// the other while the new configuration is on half of them.
func TestKeyRotation(t *testing.T) {
	steps := []sessions.Keyring{
		ring(t, "old"),
		ring(t, "old", "new"), // the new key verifies, everywhere
		ring(t, "new", "old"), // then it signs
		ring(t, "new"),        // and when the old cookies are gone, the old key goes
	}
	ends := time.Now().Add(time.Hour)
	opens := func(a, b sessions.Keyring) bool {
		_, err := b.Derive("p").Open("n", a.Derive("p").Seal("n", []byte("x"), ends))
		return err == nil
	}
	for i := range len(steps) - 1 {
		if !opens(steps[i], steps[i+1]) {
			t.Errorf("L5: step %d does not take the tokens of step %d", i+2, i+1)
		}
		if !opens(steps[i+1], steps[i]) {
			t.Errorf("L5: step %d does not take the tokens of step %d", i+1, i+2)
		}
	}
	if opens(steps[0], steps[3]) {
		t.Error("C16: a token of a removed key is taken")
	}
}

// C15, C12: a retiring key verifies until its time and not from then on.
func TestRetiringKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := ring(t, "old").Derive("p").Seal("n", []byte("x"), time.Now().Add(24*time.Hour))
		k, err := ring(t, "new").Retiring(secret("old"), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		s := k.Derive("p")
		time.Sleep(time.Hour - time.Nanosecond)
		if _, err := s.Open("n", old); err != nil {
			t.Errorf("before its time: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := s.Open("n", old); !errors.Is(err, sessions.ErrInvalidToken) {
			t.Errorf("at its time: error %v, want ErrInvalidToken", err)
		}
	})
}

func TestRetiringRefuses(t *testing.T) {
	end := time.Now().Add(time.Hour)
	if _, err := (sessions.Keyring{}).Retiring(secret("a"), end); err == nil {
		t.Error("a ring of a retiring key alone")
	}
	k := ring(t, "a")
	if _, err := k.Retiring(secret("a"), end); err == nil {
		t.Error("L4: the same key again")
	}
	if _, err := k.Retiring([]byte("short"), end); err == nil {
		t.Error("L4: a short key")
	}
	// Two rings made of one do not share what they added.
	b, _ := k.Retiring(secret("b"), end)
	c, _ := k.Retiring(secret("c"), end)
	if b.String() == c.String() {
		t.Error("one ring's key became another's")
	}
}
