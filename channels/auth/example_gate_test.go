package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// tokenIsID grants everything to everybody, to keep examples short.
func tokenIsID(_ context.Context, token string) (auth.Grant, error) {
	return auth.Grant{UserID: token}, nil
}

var staff = people{"1": {ID: "1", Name: "Ann"}, "2": {ID: "2", Name: "Bea"}}

func staffGate() *auth.Gate[Person] {
	return &auth.Gate[Person]{
		Backends: []auth.Backend[Person]{staff},
		Schemes:  []auth.Scheme{auth.Bearer(tokenIsID)},
	}
}

func bearerOf(id string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if id != "" {
		r.Header.Set("Authorization", "Bearer "+id)
	}
	return r
}

func ExampleGate_Require() {
	gate := staffGate()
	h := gate.Handler(gate.Require(http.HandlerFunc(greet)))
	show(h, bearerOf("1"))
	show(h, bearerOf(""))
	// Output:
	// 200 hello Ann
	// 401 Please log in.
}

// Only some users may pass. A socket behind it closes when its user may no longer.
func ExampleGate_Permit() {
	gate := staffGate()
	boss := func(p Person) bool { return p.Name == "Ann" }
	h := gate.Handler(gate.Permit(boss)(http.HandlerFunc(greet)))
	show(h, bearerOf("1"))
	show(h, bearerOf("2"))
	// Output:
	// 200 hello Ann
	// 403 You may not do that.
}

// Every connection of a user is closed, and all logins are void.
func ExampleGate_RevokeUser() {
	gate := staffGate()
	gate.Revoked = func(_ context.Context, tag, reason string) { fmt.Println(tag, reason) }
	ctx := channels.ContextWithScope(context.Background(), channels.NewScope("chat", ""))
	token := auth.Grant{UserID: "2", Issued: time.Now().Add(-time.Minute)}
	fmt.Println(gate.AdoptGrant(ctx, token))
	if err := gate.RevokeUser(ctx, "2"); err != nil {
		panic(err)
	}
	fmt.Println(gate.AdoptGrant(ctx, token))
	// Output:
	// <nil>
	// user:2 revoked
	// auth: adopt: auth: denied: the login is over
}

// Who wants a page and is not logged in is sent to the page for it.
func ExampleLoginPage() {
	gate := staffGate()
	gate.Refuse = auth.LoginPage("/login", nil)
	h := gate.Handler(gate.Require(http.HandlerFunc(greet)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/rooms?page=2", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 /login?next=%2Frooms%3Fpage%3D2
}

// In a test there need not be a Gate.
func ExampleWithUser() {
	ctx := auth.WithUser(context.Background(), Person{ID: "7", Name: "Ann"})
	person, ok := auth.User[Person](ctx)
	fmt.Println(person.Name, ok)
	// Output: Ann true
}

// Two backends of one type have names, which sessions remember.
func ExampleNamed() {
	var staff, guests auth.MemoryUsers
	gate := &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{
		auth.Named[auth.Account]("staff", &staff),
		auth.Named[auth.Account]("guests", &guests),
	}}
	fmt.Println(gate.Validate())
	// Output: <nil>
}
