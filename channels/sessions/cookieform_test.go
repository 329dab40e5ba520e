package sessions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels/sessions"
)

func isErr(err, target error) bool { return errors.Is(err, target) }

// A client with a forged cookie is nobody: no error, no detail, one line in the log.
func TestForgedCookies(t *testing.T) {
	k := ring(t, "a")
	log := new(logbook)
	b := newBrowser(t, &sessions.Manager{Keys: k, Logger: log.logger()})
	b.setKey("who", "alice")
	good := b.cookie

	tests := []struct{ name, cookie string }{
		{"C1 truncated by 1", good[:len(good)-1]},
		{"C1 truncated by 43", good[:len(good)-43]},
		{"C2 another time", strings.Replace(good, ".1", ".2", 1)},
		{"C4 %0A", good[:60] + "%0A" + good[60:]},
		{"C5 standard alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(good[:len(good)-1]) + "+"},
		{"C10 a token of a store", strings.Repeat("A", 43)},
		{"C10 what is saved in a store", "s1.1700000000.4000000000.m" + someID + "{}"},
		{"C11 another purpose", k.Derive("tickets").Seal(cookieName, []byte("m"+someID+`{"who":"alice"}`), time.Now().Add(time.Hour))},
		{"C8 another cookie's", k.Derive("sluice/sessions cookie").Seal("other", []byte("m"+someID+`{"who":"alice"}`), time.Now().Add(time.Hour))},
		{"C16 another ring's", forge(ring(t, "b"), "m"+someID+`{"who":"alice"}`, time.Now().Add(time.Hour))},
		{"C18 over", forge(k, "m"+someID+`{"who":"alice"}`, time.Now())},
		{"C19 for ever", forge(k, "m"+someID+`{"who":"alice"}`, time.Now().Add(500*24*time.Hour))},
		{"C25 the attacker's choice", "attacker"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.cookie = tt.cookie
			res := b.visit(func(s *sessions.Session) {
				if len(s.Keys()) > 0 || s.ID() != "" || !s.IsNew() {
					t.Errorf("%v has keys %v", s, s.Keys())
				}
			})
			if res.StatusCode != 200 || b.set != "" {
				t.Errorf("status %d, Set-Cookie %q", res.StatusCode, b.set)
			}
			if strings.Contains(log.String(), good[30:60]) {
				t.Error("the log shows a part of a cookie")
			}
		})
	}
	b.cookie = good
	if b.get("who") != "alice" {
		t.Error("the good cookie is not taken any more")
	}
}

// C35, C36: what is under a good MAC is checked all the same: a key may have leaked,
// and another version of the application may have written it.
func TestPayloadIsChecked(t *testing.T) {
	many := "{"
	for i := range 1025 {
		many += `"` + strings.Repeat("k", 1+i%40) + strings.Repeat("x", i/40) + `":1,`
	}
	tests := []struct {
		name, payload string
		good          bool
	}{
		{"a session", "m" + someID + `{"who":"alice"}`, true},
		{"one of the browser's", "b" + someID + `{"who":"alice"}`, true},
		{"a remembered one", "o" + someID + `{"who":"alice"}`, true},
		{"white space inside a string", "m" + someID + `{"x":" \t\"} ","who":"alice"}`, true},
		{"depth 63", "m" + someID + `{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `,"who":"alice"}`, true},
		{"empty", "", false},
		{"no JSON", "m" + someID, false},
		{"no object", "m" + someID + `["who"]`, false},
		{"null", "m" + someID + `null`, false},
		{"unknown mode", "z" + someID + `{"who":"alice"}`, false},
		{"one that was renewed", "x" + someID + `{"who":"alice"}`, false},
		{"short ID", "mABC" + `{"who":"alice"}`, false},
		{"ID with other characters", "m" + strings.ToLower(someID) + `{"who":"alice"}`, false},
		{"C35 depth 64", "m" + someID + `{"who":"alice","x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, false},
		{"C35 depth 1000", "m" + someID + `{"who":"alice","x":` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `}`, false},
		{"C35 a key twice", "m" + someID + `{"who":"alice","who":"bob"}`, false},
		{"C35 a key twice, escaped", "m" + someID + `{"who":"alice","\u0077ho":"bob"}`, false},
		{"C35 NaN", "m" + someID + `{"who":"alice","x":NaN}`, false},
		{"C35 invalid UTF-8", "m" + someID + "{\"who\":\"alice\",\"x\":\"\xff\"}", false},
		{"C35 white space", "m" + someID + `{"who": "alice"}`, false},
		{"C35 white space deeper", "m" + someID + `{"who":"alice","x":[1, 2]}`, false},
		{"C35 something behind", "m" + someID + `{"who":"alice"}{}`, false},
		{"C35 a trailing comma", "m" + someID + `{"who":"alice",}`, false},
		{"C36 pickle", "m" + someID + "\x80\x04\x95\x00", false},
		{"C36 gob", "m" + someID + "\x0d\x7f\x04\x01\x02", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := ring(t, "a")
			b := newBrowser(t, &sessions.Manager{Keys: k, Logger: new(logbook).logger()})
			b.cookie = forge(k, tt.payload, time.Now().Add(time.Hour))
			if got := b.get("who") == "alice"; got != tt.good {
				t.Errorf("taken: %v, want %v", got, tt.good)
			}
		})
	}
	if _, ok := sessions.ParseObject(strings.TrimSuffix(many, ",") + "}"); ok {
		t.Error("C35: more than 1,024 keys are taken")
	}
}

// C35, C37: values of another type than asked for are none.
func TestValuesOfAnotherType(t *testing.T) {
	k := ring(t, "a")
	b := newBrowser(t, &sessions.Manager{Keys: k})
	b.cookie = forge(k, "m"+someID+`{"op":{"$ne":1},"list":[1],"neg":-1,"space":"42 ","zero":"042","big":1e400,`+
		`"float":1.0,"null":null,"__proto__":{"admin":true},"text":"x","n":42}`, time.Now().Add(time.Hour))
	b.visit(func(s *sessions.Session) {
		for _, key := range []string{"op", "list", "neg", "big", "float", "null", "n", "absent"} {
			if v, ok := sessions.Get[string](s, key); ok || v != "" {
				t.Errorf("C37: %s is the string %q", key, v)
			}
		}
		for _, key := range []string{"op", "list", "space", "zero", "big", "float", "null", "text"} {
			if v, ok := sessions.Get[int](s, key); ok || v != 0 {
				t.Errorf("C37: %s is the int %d", key, v)
			}
			if v, ok := sessions.Get[int64](s, key); ok || v != 0 {
				t.Errorf("C37: %s is the int64 %d", key, v)
			}
			if v, ok := sessions.Get[bool](s, key); ok || v {
				t.Errorf("C37: %s is the bool %v", key, v)
			}
		}
		if v, ok := sessions.Get[float64](s, "big"); ok || v != 0 {
			t.Errorf("C35: 1e400 is %v", v)
		}
		if v, ok := sessions.Get[struct{ Admin bool }](s, "text"); ok || v.Admin {
			t.Errorf("C35: a struct of a text: %v", v)
		}
		if v, ok := sessions.Get[int](s, "n"); !ok || v != 42 {
			t.Errorf("42 is %d, %v", v, ok)
		}
		if v, ok := sessions.Get[uint8](s, "neg"); ok || v != 0 {
			t.Errorf("C37: -1 is the uint8 %d", v)
		}
		if v, ok := sessions.Get[*int](s, "null"); ok || v != nil {
			t.Errorf("null is %v, %v", v, ok)
		}
	})
}

// C34: there is no compression to bomb.
func TestNoCompression(t *testing.T) {
	b := newBrowser(t, &sessions.Manager{Keys: ring(t, "a")})
	b.setKey("k", strings.Repeat("x", 2000))
	if len(b.cookie) < 2000 {
		t.Errorf("C34: 2,000 bytes became a cookie of %d: where is the limit of what it inflates to?", len(b.cookie))
	}
}

// C15: a cookie of the old key is good, and signed with the new one when used.
func TestCookieIsSignedAnew(t *testing.T) {
	b := newBrowser(t, &sessions.Manager{Keys: ring(t, "old")})
	b.setKey("who", "alice")
	id := ""
	b.m = &sessions.Manager{Keys: ring(t, "new", "old")}
	b.serve(func(http.ResponseWriter, *http.Request) {}) // does not use the session
	if b.set != "" {
		t.Error("C47: the cookie was set for a request that did not use the session")
	}
	b.visit(func(s *sessions.Session) { id = s.ID() })
	if b.set == "" {
		t.Fatal("C15: not signed anew")
	}
	b.m = &sessions.Manager{Keys: ring(t, "new")}
	if b.get("who") != "alice" {
		t.Error("C15: the new cookie is not signed with the new key")
	}
	b.visit(func(s *sessions.Session) {
		if s.ID() != id {
			t.Error("C15: another session")
		}
	})
	if b.set != "" {
		t.Error("signed again although nothing changed")
	}
}

// C19: a clock that jumps makes no session immortal, and no panic.
func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, 24 * time.Hour} {
		for _, mode := range []string{"cookie", "store"} {
			t.Run(fmt.Sprintf("C19 %s %v", mode, jump), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { clockJump(t, mode, jump) })
			})
		}
	}
}

// clockJump looks, every hour, at a session of one hour that was made by a server
// whose clock was off.
func clockJump(t *testing.T, mode string, jump time.Duration) {
	k := ring(t, "a")
	m := &sessions.Manager{Keys: k, Lifetime: time.Hour, Logger: new(logbook).logger()}
	at := time.Now().Add(jump).Unix()
	b := newBrowser(t, m)
	if mode == "store" {
		b.cookie = strings.Repeat("A", 43)
		m.Store = &sessions.MemoryStore{}
		data := fmt.Sprintf("s1.%d.%d.%sm%s{}", at, at+3600, sessions.Turn(b.cookie, at), someID)
		if _, err := m.Store.Save(t.Context(), sessions.StoreKey(b.cookie), []byte(data), 0, farFuture); err != nil {
			t.Fatal(err)
		}
	} else {
		s := k.Derive("sluice/sessions cookie")
		b.cookie = sessions.SealAt(s, cookieName, []byte("m"+someID+"{}"), at, at+3600)
	}
	for range 26 {
		b.visit(func(s *sessions.Session) {
			if end := s.Expires(); time.Until(end) > 25*time.Hour {
				t.Errorf("lives until %v", end)
			}
		})
		time.Sleep(time.Hour)
	}
	b.visit(func(s *sessions.Session) {
		if !s.IsNew() {
			t.Error("still alive after 26 hours")
		}
	})
}

// FuzzDecodeCookie: any payload under a good MAC is a session or is none.
func FuzzDecodeCookie(f *testing.F) {
	k := ring(f, "a")
	m := &sessions.Manager{Keys: k, Logger: new(logbook).logger()}
	f.Add("m" + someID + `{"who":"alice","n":[1,{"a":"\""}]}`)
	f.Add("b" + someID + `{}`)
	f.Add("x")
	f.Fuzz(func(t *testing.T, payload string) {
		b := newBrowser(t, m)
		b.cookie = forge(k, payload, time.Now().Add(time.Hour))
		b.visit(func(s *sessions.Session) {
			for _, key := range s.Keys() {
				sessions.Get[any](s, key)
				sessions.Get[string](s, key)
				sessions.Get[int](s, key)
			}
		})
	})
}

// FuzzStored: whatever a store has is a session or is none, and a session is written again
// byte for byte.
func FuzzStored(f *testing.F) {
	token := strings.Repeat("A", 43)
	f.Add("s1.1.4000000000." + sessions.Turn(token, 7) + "m" + someID + `{"who":"alice"}`)
	f.Add("s1.1.2.3.0." + strings.Repeat("a", 22) + "." + strings.Repeat("b", 22) + ".x" + someID + `{"to":"session:x"}`)
	f.Add("s1.1.2.3.1...m")
	f.Fuzz(func(t *testing.T, data string) {
		once, ok := sessions.ParseStored(data)
		if !ok {
			return
		}
		twice, ok := sessions.ParseStored(once)
		if !ok || once != twice || !strings.Contains(data, `\`) && data != once {
			t.Fatalf("%q, then %q, then %q (%v)", data, once, twice, ok)
		}
	})
}

// FuzzParseObject: what is taken is JSON, and written again byte for byte, but for escapes
// in keys, and taken again. What is not taken is no JSON object, or has white space, a
// key twice, or too much.
func FuzzParseObject(f *testing.F) {
	f.Add(`{"a":1,"b":{"c":[1,"}"]},"\u0064":"\\\""}`)
	f.Add(`{}`)
	f.Add(`{"a":1,"a":2}`)
	f.Add(`{"a": 1}`)
	f.Add(`{"a":[-0.5e+7,0,10,1E2,true,false,null,{},[],[[""]],"\b\uD800\"\/"]}`)
	for _, bad := range []string{
		`01`, `1.`, `.5`, `-`, `1e`, `+1`, `tru`, `nul`, `"`, `"\x"`, `"\u12g4"`, `"\u123"`, "\"\n\"", `[1,]`, `[,]`, `[1`, `{"b"}`, `{"b":}`, `{"b":1,}`, `{1:2}`, `1]`, `1}`, ``,
	} {
		f.Add(`{"a":` + bad + `}`)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, ok := sessions.ParseObject(text)
		if ok && !json.Valid([]byte(text)) {
			t.Fatalf("%q is taken", text)
		}
		if !ok {
			var keys map[string]json.RawMessage
			var compact bytes.Buffer
			if json.Compact(&compact, []byte(text)) == nil && compact.String() == text && utf8.ValidString(text) &&
				json.Unmarshal([]byte(text), &keys) == nil && keys != nil && len(keys) == strings.Count(text, ":") &&
				strings.Count(text, "[")+strings.Count(text, "{") < 60 && len(keys) < 1000 {
				t.Fatalf("%q is not taken", text)
			}
			return
		}
		twice, ok := sessions.ParseObject(once)
		if !ok || once != twice || !strings.Contains(text, `\`) && text != once {
			t.Fatalf("%q, then %q, then %q (%v)", text, once, twice, ok)
		}
	})
}
