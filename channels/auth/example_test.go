package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A Person is an application's own type of a user.
type Person struct {
	ID   string
	Name string
}

func (p Person) UserID() string { return p.ID }

// people is a backend of people, such as a table.
type people map[string]Person

func (p people) Authenticate(context.Context, auth.Credentials) (Person, error) {
	return Person{}, auth.ErrNotMine // these have tokens only
}

func (p people) ByIDs(_ context.Context, ids []string) (map[string]Person, error) {
	found := make(map[string]Person)
	for _, id := range ids {
		if person, ok := p[id]; ok {
			found[id] = person
		}
	}
	return found, nil
}

func greet(w http.ResponseWriter, r *http.Request) {
	if person, ok := auth.User[Person](r.Context()); ok {
		fmt.Fprintf(w, "hello %s", person.Name)
		return
	}
	fmt.Fprint(w, "hello stranger")
}

// show prints what a handler answers to a request.
func show(h http.Handler, r *http.Request) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}

// Users log in with a form, and are known by their session from then on.
func Example() {
	ctx := context.Background()
	var users auth.MemoryUsers
	users.Passwords.Iterations = 1000 // for a quick example: leave it at 0
	users.SignUp(ctx, "alice", "correct horse battery staple")

	key := make([]byte, 32)
	rand.Read(key)
	keys, err := sessions.NewKeyring(key)
	if err != nil {
		panic(err)
	}
	sess := &sessions.Manager{Keys: keys, Store: new(sessions.MemoryStore)}
	var srv channels.Server
	gate := &auth.Gate[auth.Account]{
		Backends: []auth.Backend[auth.Account]{&users},
		Revoker:  &srv,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user, err := gate.Authenticate(r.Context(), auth.Credentials{
			Username: r.PostFormValue("username"),
			Password: r.PostFormValue("password"),
		})
		if err == nil {
			err = gate.Login(w, r, user)
		}
		if err != nil {
			gate.Deny(w, r, err)
			return
		}
		auth.RedirectNext(w, r, "/")
	})
	mux.Handle("GET /", gate.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := auth.User[auth.Account](r.Context())
		fmt.Fprintf(w, "hello %s", user.Name)
	})))
	site := auth.Stack(sess, gate)(mux)

	show(site, httptest.NewRequest("GET", "/", nil))

	r := httptest.NewRequest("POST", "/login", strings.NewReader("username=alice&password=correct+horse+battery+staple"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	fmt.Println(w.Code)

	r = httptest.NewRequest("GET", "/", nil)
	r.AddCookie(w.Result().Cookies()[0])
	show(site, r)
	// Output:
	// 401 Please log in.
	// 303
	// 200 hello alice
}

// Tokens of an API, of which the server keeps hashes.
func ExampleBearer() {
	type issued struct {
		userID  string
		hash    [32]byte
		expires time.Time
	}
	tokens := []issued{{
		userID:  "7",
		hash:    sha256.Sum256([]byte("token-of-ann")),
		expires: time.Now().Add(time.Hour),
	}}
	verify := func(ctx context.Context, token string) (auth.Grant, error) {
		hash := sha256.Sum256([]byte(token))
		for _, t := range tokens {
			if subtle.ConstantTimeCompare(t.hash[:], hash[:]) == 1 {
				return auth.Grant{UserID: t.userID, Expires: t.expires}, nil
			}
		}
		return auth.Grant{}, auth.ErrDenied
	}
	gate := &auth.Gate[Person]{
		Backends: []auth.Backend[Person]{people{"7": {ID: "7", Name: "Ann"}}},
		Schemes:  []auth.Scheme{auth.Bearer(verify)},
	}
	api := gate.Handler(gate.Require(http.HandlerFunc(greet)))

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer token-of-ann")
	show(api, r)
	r.Header.Set("Authorization", "Bearer guessed")
	show(api, r)
	// Output:
	// 200 hello Ann
	// 401 Please log in.
}

// A scheme of one's own, for a token in the address. This one is INSECURE: anybody can
// write any user's ID. It shows the shape of a scheme: let Verify look up a secret, such
// as a ticket, in place of the ID itself.
func ExampleScheme() {
	insecureUserID := auth.Scheme{
		Name: "insecure user id",
		Take: func(r *http.Request) (string, error) {
			return auth.TakeQuery(r, "user_id")
		},
		Verify: func(ctx context.Context, userID string) (auth.Grant, error) {
			return auth.Grant{UserID: userID}, nil
		},
	}
	gate := &auth.Gate[Person]{
		Backends: []auth.Backend[Person]{people{"7": {ID: "7", Name: "Ann"}}},
		Schemes:  []auth.Scheme{insecureUserID},
	}
	h := gate.Handler(http.HandlerFunc(greet))

	show(h, httptest.NewRequest("GET", "/?user_id=7", nil))
	show(h, httptest.NewRequest("GET", "/", nil))
	show(h, httptest.NewRequest("GET", "/?user_id=7&user_id=8", nil))
	// Output:
	// 200 hello Ann
	// 200 hello stranger
	// 400 The credentials are malformed.
}
