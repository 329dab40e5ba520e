package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// exampleKeys is what an application reads from a file.
func exampleKeys() sessions.Keyring {
	keys, err := sessions.ParseKeys("fI7IdOp8aFw9vDY2IyplJSDFnUDPNrXQiDdBm3CTUZM=")
	if err != nil {
		panic(err)
	}
	return keys
}

// A counter of visits, and a client that keeps cookies.
func Example() {
	sess := &sessions.Manager{Keys: exampleKeys()}
	srv := httptest.NewServer(sess.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Load(r.Context())
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		visits, _ := sessions.Get[int](s, "visits")
		if err := s.Set("visits", visits+1); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "visit %d", visits+1)
	})))
	defer srv.Close()

	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	for range 3 {
		res, err := client.Get(srv.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(string(text))
	}
	// Output:
	// visit 1
	// visit 2
	// visit 3
}

// serveOnce sends a request without a cookie to a handler and prints the cookie that
// the response sets, without its value.
func serveOnce(m *sessions.Manager, f func(s *sessions.Session)) {
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Load(r.Context())
		if err != nil {
			fmt.Println(err)
			return
		}
		f(s)
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if line := w.Header().Get("Set-Cookie"); line != "" {
		name, rest, _ := strings.Cut(line, "=")
		_, attributes, _ := strings.Cut(rest, ";")
		fmt.Printf("%s=…;%s\n", name, attributes)
	}
}

func ExampleManager() {
	sess := &sessions.Manager{
		Keys:        exampleKeys(),
		Lifetime:    12 * time.Hour,
		IdleTimeout: 30 * time.Minute,
		Cookie:      sessions.Cookie{SameSite: http.SameSiteStrictMode},
	}
	serveOnce(sess, func(s *sessions.Session) { s.Set("theme", "dark") })
	// Output:
	// __Host-session=…; Max-Age=43200; Path=/; HttpOnly; Secure; SameSite=Strict
}

func ExampleManager_Validate() {
	sess := &sessions.Manager{
		Keys:   exampleKeys(),
		Cookie: sessions.Cookie{Name: "__Host-sid", Domain: "example.com"},
	}
	fmt.Println(sess.Validate())
	// Output:
	// sessions: Cookie.Name "__Host-sid" allows no Domain: clear Domain, or take the prefix __Secure-
}

func ExampleGet() {
	type settings struct {
		Theme string
		Size  int
	}
	serveOnce(&sessions.Manager{Store: &sessions.MemoryStore{}}, func(s *sessions.Session) {
		s.Set("settings", settings{"dark", 12})
		fmt.Println(sessions.Get[settings](s, "settings"))
		fmt.Println(sessions.Get[settings](s, "other"))
		fmt.Println(sessions.Get[string](s, "settings"))
	})
	// Output:
	// {dark 12} true
	// { 0} false
	//  false
	// __Host-session=…; Max-Age=1209600; Path=/; HttpOnly; Secure; SameSite=Lax
}

// "Remember me", for whoever ticks the box.
func ExampleSession_SetExpiry() {
	sess := &sessions.Manager{Keys: exampleKeys(), BrowserSession: true}
	login := func(remember bool) {
		serveOnce(sess, func(s *sessions.Session) {
			s.Set("user", "alice")
			if remember {
				s.SetExpiry(30 * 24 * time.Hour)
			}
		})
	}
	login(false)
	login(true)
	// Output:
	// __Host-session=…; Path=/; HttpOnly; Secure; SameSite=Lax
	// __Host-session=…; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Lax
}

// A socket looks whether the session that opened it is still there.
func ExampleDeadlines() {
	sess := &sessions.Manager{Store: &sessions.MemoryStore{}, Lifetime: time.Hour}
	request := func(cookie string, f func(s *sessions.Session)) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		r.Header.Set("Cookie", cookie)
		sess.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, err := sessions.Load(r.Context())
			if err != nil {
				panic(err)
			}
			f(s)
		})).ServeHTTP(w, r)
		return w
	}
	var socket *sessions.Session // as Load returns it, with a socket's context
	w := request("", func(s *sessions.Session) {
		s.Set("user", "alice")
		socket = s
	})
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	look := func() {
		ends, err := sessions.Deadlines(context.Background(), []*sessions.Session{socket})
		if err != nil {
			panic(err)
		}
		fmt.Println("within the hour:", time.Until(ends[0]) > 0, "- over:", ends[0].IsZero())
	}
	look()
	request(cookie, func(s *sessions.Session) { s.Destroy() }) // a logout in another window
	look()
	// Output:
	// within the hour: true - over: false
	// within the hour: false - over: true
}

// Without a Store, what does not fit into a cookie is an error, not a lost session.
func ExampleSession_Save() {
	serveOnce(&sessions.Manager{Keys: exampleKeys()}, func(s *sessions.Session) {
		s.Set("essay", strings.Repeat("All work and no play. ", 200))
		err := s.Save(context.Background())
		fmt.Println(errors.Is(err, sessions.ErrTooLarge))
		s.Delete("essay")
	})
	// Output: true
}

// A first start makes the file; the keys themselves are never shown.
func ExampleKeyFile() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "keys")
	first, err := sessions.KeyFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := sessions.KeyFile(path)
	fmt.Println(first.String() == second.String(), err)
	// Output: true <nil>
}

func ExampleParseKeys() {
	// What an environment variable holds during a change of keys.
	keys, err := sessions.ParseKeys("fI7IdOp8aFw9vDY2IyplJSDFnUDPNrXQiDdBm3CTUZM=," +
		" 46rqYZNF1C5fJBz3F6vYl6zCnB2ZpUHcgp7fT0qfd1w=@2027-01-31T00:00:00Z")
	fmt.Println(keys, err)
	_, err = sessions.ParseKeys("Y2hhbmdlbWU=")
	fmt.Println(err)
	// Output:
	// Keyring(RedkAnzE, 4F0qcteB until 2027-01-31T00:00:00Z) <nil>
	// sessions: key 1 has 8 bytes and needs at least 32: make one with: head -c 32 /dev/urandom | base64
}
