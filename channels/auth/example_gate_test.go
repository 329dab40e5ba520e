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

// A right was taken away in the database: who needs it is out at once, on every process.
func ExampleGate_UserChanged() {
	srv := &channels.Server{DrainWindow: -1}
	admins := map[string]bool{"1": true}
	gate := staffGate()
	gate.Revoker = srv
	isAdmin := func(p Person) bool { return admins[p.ID] }
	page := gate.Handler(gate.Permit(isAdmin)(srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		s.Send(ctx, channels.Text("welcome"))
		_, err := s.Read(ctx)
		return err
	})))
	server := httptest.NewServer(page)
	defer server.Close()
	defer srv.Shutdown(context.Background())

	ctx := context.Background()
	c, _, err := channels.Dial(ctx, "ws"+server.URL[len("http"):], &channels.DialOptions{
		Header: http.Header{"Authorization": {"Bearer 1"}},
	})
	if err != nil {
		panic(err)
	}
	defer c.CloseNow()
	m, _ := c.Read(ctx)
	fmt.Println(string(m.Data))

	delete(admins, "1") // in earnest: UPDATE users SET admin = false WHERE id = 1
	if err := gate.UserChanged(ctx, "1"); err != nil {
		panic(err)
	}
	_, err = c.Read(ctx)
	fmt.Println(channels.CloseStatus(err))
	// Output:
	// welcome
	// 3003 (forbidden)
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
