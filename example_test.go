package sluice_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/routing"
	"github.com/sluicehq/sluice/channels/sessions"
)

// An Account is a user of the application.
type Account struct{ Name string }

func (a Account) UserID() string { return a.Name }

// accounts is where the application finds them.
type accounts map[string]string

func (as accounts) Authenticate(ctx context.Context, c auth.Credentials) (Account, error) {
	if password, ok := as[c.Username]; ok && c.Password == password { // a real one hashes
		return Account{c.Username}, nil
	}
	return Account{}, auth.ErrNotMine
}

func (as accounts) ByIDs(ctx context.Context, ids []string) (map[string]Account, error) {
	found := make(map[string]Account)
	for _, id := range ids {
		if _, ok := as[id]; ok {
			found[id] = Account{id}
		}
	}
	return found, nil
}

var srv channels.Server

// A chat is the consumer of one connection.
type chat struct{ user Account }

func newChat() *chat { return new(chat) }

func (c *chat) Connect(ctx context.Context, s *channels.Socket) error {
	user, ok := auth.User[Account](ctx)
	if !ok {
		return channels.Closef(channels.StatusUnauthorized, "log in first")
	}
	c.user = user
	return s.Join(ctx, "lobby")
}

func (c *chat) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return srv.Broadcast(ctx, "lobby", channels.Text(c.user.Name+": "+string(m.Data)))
}

// The application: a site with a login, and a chat that knows who is there.
func Example() {
	keys, err := sessions.NewKeyring([]byte("d9F2-k3s8-Zq71-mm4P-x0Rt-6YwE-v5Ub"))
	if err != nil {
		log.Fatal(err)
	}
	sess := &sessions.Manager{Keys: keys}
	gate := &auth.Gate[Account]{Backends: []auth.Backend[Account]{accounts{"alice": "secret"}}, Revoker: &srv}

	site := http.NewServeMux()
	site.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user, err := gate.Authenticate(r.Context(), auth.Credentials{Username: r.FormValue("username"), Password: r.FormValue("password")})
		if err == nil {
			err = gate.Login(w, r, user)
		}
		if err != nil {
			gate.Deny(w, r, err)
		}
	})
	site.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) { gate.Logout(w, r) })

	app := routing.ProtocolTypeRouter{
		"http": auth.Stack(sess, gate)(site),
		"websocket": auth.Stack(sess, gate)(
			routing.URLRouter(
				routing.RePath(`^front(end)/$`, srv.Handler(channels.Consume(newChat))),
			),
		),
	}
	hs := httptest.NewServer(app)
	defer hs.Close()

	// A client logs in and chats, until it logs out.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cookie := post(hs.URL+"/login", "username=alice&password=secret", "")
	c, _, err := channels.Dial(ctx, "ws"+strings.TrimPrefix(hs.URL, "http")+"/frontend/", &channels.DialOptions{
		Header: http.Header{"Cookie": {cookie}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Write(ctx, channels.Text("hello")); err != nil {
		log.Fatal(err)
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s\n", m.Data)
		post(hs.URL+"/logout", "", cookie)
	}
	// Output:
	// alice: hello
	// websocket: closed: 3000 (unauthorized): "logged out"
}

// post posts a form and returns the session's cookie.
func post(url, form, cookie string) string {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(form))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	for _, c := range resp.Cookies() {
		return c.Name + "=" + c.Value
	}
	return ""
}
