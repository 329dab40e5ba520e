package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestMessagesReachWindowsAndTerminals(t *testing.T) {
	d := startDemo(t)
	alice, bob := newBrowser(t).window(d.URL), newBrowser(t).window(d.URL)
	alice.login("alice", "alice-demo")
	bob.login("bob", "bob-demo")
	alice.wantText("#people", "bob")
	bob.wantText("#people", "alice")

	terminal := dialChat(t, d)
	terminal.enter("alice", "alice-demo", "lobby")

	alice.say("good morning")
	bob.wantText("#messages", "good morning")
	terminal.wantLine("alice: good morning")

	bob.say("and to you")
	alice.wantText("#messages", "and to you")
	terminal.wantLine("bob: and to you")

	terminal.send("from a terminal")
	alice.wantText("#messages", "from a terminal")
	bob.wantText("#messages", "from a terminal")

	alice.wantNoProblems()
	bob.wantNoProblems()
}

// What a person typed is shown as it was typed.
func TestMessagesAreText(t *testing.T) {
	d := startDemo(t)
	alice := newBrowser(t).window(d.URL)
	alice.login("alice", "alice-demo")
	hostile := `<img src="x" onerror="document.title='owned'"><b>bold</b>`
	alice.say(hostile)
	alice.wantText("#messages", hostile)
	if n := evaluate[int](alice, `document.querySelectorAll("#messages img, #messages b").length`); n != 0 {
		t.Errorf("the message became %d elements, want none", n)
	}
	alice.wantNoProblems()
}

func TestRoomsAreSeparate(t *testing.T) {
	d := startDemo(t)
	alice, bob := newBrowser(t).window(d.URL+"#tea"), newBrowser(t).window(d.URL+"#lobby")
	alice.login("alice", "alice-demo")
	bob.login("bob", "bob-demo")
	alice.wantText("#room-title", "tea")
	alice.wantText("#people-count", "1")
	alice.say("only in the tea room")
	alice.wantText("#messages", "only in the tea room")

	bob.wantText("#rooms", "tea")
	bob.fill("room-name", "tea")
	bob.do(chromedp.SendKeys(chromedp.ID("room-name"), "\r"))
	bob.wantText("#room-title", "tea")
	bob.wantText("#messages", "only in the tea room") // what was said before
	alice.wantText("#people", "bob")
}

// A logout in one window ends the sockets of the other, and the page says so.
func TestLogoutEndsTheOtherWindow(t *testing.T) {
	d, b := startDemo(t), newBrowser(t)
	first := b.window(d.URL)
	first.login("alice", "alice-demo")
	second := b.window(d.URL)
	second.wantText("#status", "Live")
	bystander := newBrowser(t).window(d.URL)
	bystander.login("bob", "bob-demo")

	within(t, patience/2, "the end of the other window's socket", func() {
		first.click("logout-button")
		second.wantText("#notice", "You were logged out")
	})
	first.wantText("#notice", "You have logged out")
	if n := evaluate[int](second, `document.querySelectorAll("#messages li, #people li").length`); n != 0 {
		t.Errorf("%d elements of the conversation are left after the logout", n)
	}
	// It stays logged out, and others are not disturbed.
	second.do(chromedp.Reload())
	second.wantText("#gate-title", "Welcome back")
	bystander.wantText("#status", "Live")
	bystander.wantText("#people-count", "1")
}

func TestWrongPassword(t *testing.T) {
	d := startDemo(t)
	w := newBrowser(t).window(d.URL)
	w.submitLogin("alice", "not-her-password")
	w.wantText("#notice", "do not match")
	if user := evaluate[string](w, `fetch("/whoami").then((r) => r.text())`); strings.TrimSpace(user) != `{"user":null}` {
		t.Errorf("after a wrong password /whoami answers %s", user)
	}
	w.login("alice", "alice-demo") // and the right one works
}

func TestSignUp(t *testing.T) {
	d := startDemo(t)
	w := newBrowser(t).window(d.URL)
	w.click("switch")
	w.wantText("#gate-title", "Create an account")
	w.submitLogin("carol", "carol's own")
	w.wantText("#me-name", "carol")
	w.wantText("#status", "Live")

	other := newBrowser(t).window(d.URL)
	other.click("switch")
	other.submitLogin("carol", "another one")
	other.wantText("#notice", "taken")
}

func TestReloadKeepsTheSession(t *testing.T) {
	d := startDemo(t)
	w := newBrowser(t).window(d.URL)
	w.login("alice", "alice-demo")
	w.say("still here?")
	w.wantText("#messages", "still here?")
	w.do(chromedp.Reload())
	w.wantText("#me-name", "alice")
	w.wantText("#status", "Live")
	w.wantText("#messages", "still here?")
}

// A restart of the server: the page waits, comes back, and is still logged in,
// because the key that signs its session is kept in a file.
func TestRestart(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	d := startDemo(t, "-addr", "localhost:0", "-key-file", key)
	w := newBrowser(t).window(d.URL)
	w.login("alice", "alice-demo")
	d.stop(t)
	w.wantText("#status", " in ") // "Server restarting, back in 2 s"

	addr := strings.TrimSuffix(strings.TrimPrefix(d.URL, "http://"), "/")
	startDemo(t, "-addr", addr, "-key-file", key)
	w.wantText("#status", "Live")
	w.wantText("#me-name", "alice")
	w.say("back again")
	w.wantText("#messages", "back again")
}

// What was said to a server that did not hear it any more is in the draft again.
func TestNothingSaidIsLost(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	d := startDemo(t, "-addr", "localhost:0", "-key-file", key)
	w := newBrowser(t).window(d.URL)
	w.login("alice", "alice-demo")
	w.say("heard")
	w.wantText("#messages", "heard")
	d.process.Process.Signal(syscall.SIGSTOP)
	w.say("unheard")
	d.kill()

	addr := strings.TrimSuffix(strings.TrimPrefix(d.URL, "http://"), "/")
	startDemo(t, "-addr", addr, "-key-file", key)
	w.wantText("#trouble", "Send it again?")
	if draft := evaluate[string](w, `document.getElementById("draft").value`); draft != "unheard" {
		t.Errorf("the draft is %q, want what was not heard", draft)
	}
	w.click("send")
	w.wantText("#messages", "unheard")
}

// Who is here is each person once, and who closes their last window is gone.
func TestWhoIsHere(t *testing.T) {
	d, b := startDemo(t), newBrowser(t)
	alice := newBrowser(t).window(d.URL)
	alice.login("alice", "alice-demo")
	bob := b.window(d.URL)
	bob.login("bob", "bob-demo")
	alice.wantText("#people", "bob")
	again := b.window(d.URL + "#tea")
	again.wantText("#status", "Live")
	alice.wantText("#rooms", "tea\n1")
	alice.wantText("#people-count", "2")

	bob.close()
	alice.wantText("#people-count", "1")
	alice.wantText("#rooms", "tea\n1")
	again.close()
	alice.wantText(`a[data-room="tea"] .count[hidden]`, "0")
	terminal := dialChat(t, d)
	terminal.enter("bob", "bob-demo", "lobby")
	alice.wantText("#people", "bob")
	alice.wantNoProblems()
}

// A page of another origin, even of the same site, so that the browser sends the
// cookie along, cannot open the socket.
func TestOtherOrigin(t *testing.T) {
	d, b := startDemo(t), newBrowser(t)
	b.window(d.URL).login("alice", "alice-demo")

	const page = `<!doctype html><title>elsewhere</title><p id="result"></p><script>
		const socket = new WebSocket(%q);
		const show = (e) => document.getElementById("result").textContent = e.type;
		socket.onopen = show;
		socket.onerror = show;
	</script>`
	for _, path := range []string{"/ws/chat/lobby/", "/ws/echo/x/", "/echo"} {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, page, d.socketURL(path))
		}))
		defer elsewhere.Close()
		w := b.window(strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1))
		w.wantText("#result", "error")
	}
	wantLog(t, d, "AllowedOrigins")
}
