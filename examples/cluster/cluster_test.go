package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/channels/wstest"
)

// TestMain also is the processes of the clusters.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "node" {
		main()
		return
	}
	wstest.Main(m)
}

// startCluster starts a cluster, waits until all of it serves, and ends it with the test.
func startCluster(t *testing.T, layer string) *cluster {
	t.Helper()
	c, err := open(options{addr: "localhost:0", layer: layer, nodes: 3}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		c.close()
	})
	awaitNodes(t, c)
	return c
}

func awaitNodes(t *testing.T, c *cluster) {
	t.Helper()
	for deadline := time.Now().Add(patience); len(c.pool.turns()) < c.nodes; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d processes serve", len(c.pool.turns()), c.nodes)
		}
	}
}

var pid = regexp.MustCompile(`process (\d+)`)

// kill ends the process that serves a window, without giving it time for anything.
func (c *cluster) kill(t *testing.T, w *window) {
	t.Helper()
	node := w.text("node")
	for _, n := range c.pool.turns() {
		if m := pid.FindStringSubmatch(node); m != nil && m[1] == strconv.Itoa(n.process.Pid) {
			if err := n.process.Kill(); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process of the cluster is %q", node)
}

// A process is killed: those whom it has served go on talking at another, still logged in.
// Who logs out in one window is out in those that other processes serve.
func TestCluster(t *testing.T) {
	for _, layer := range []string{"nats", "redis"} {
		t.Run(layer, func(t *testing.T) {
			c := startCluster(t, layer)
			url := "http://" + c.addr() + "/"
			chromium := startChromium(t)
			alices, bobs := person(t, chromium), person(t, chromium)
			alice, bob := openWindow(t, alices, url), openWindow(t, bobs, url)
			alice.login("alice")
			bob.login("bob")
			bob.elsewhere(alice)
			alice.want("people", "alice, bob")
			bob.want("people", "alice, bob")
			alice.say("one")
			bob.want("said", "alice: one")

			before := alice.text("node")
			c.kill(t, alice)
			alice.wait(`document.getElementById("node").innerText != ` + quote(before))
			alice.want("status", "Live")
			alice.want("me", "alice")
			bob.say("two")
			alice.want("said", "bob: two")
			alice.say("three")
			for _, w := range []*window{alice, bob} {
				w.want("said", "alice: three")
				if got, want := w.text("said"), "alice: one\nbob: two\nalice: three"; got != want {
					t.Errorf("the page shows %q, want %q", got, want)
				}
			}
			awaitNodes(t, c)

			second := openWindow(t, alices, url)
			second.elsewhere(alice)
			wantLogoutWithinASecond(t, alice, second)
			bob.want("status", "Live")
			bob.wait(`document.getElementById("people").innerText == "bob"`)
		})
	}
}

// wantLogoutWithinASecond logs out in one window, and wants the socket of the other, which
// another process serves, to be closed within a second. A machine that is busy with
// something else may be slow once, but not three times.
func wantLogoutWithinASecond(t *testing.T, first, second *window) {
	t.Helper()
	var took time.Duration
	for range 3 {
		second.do(chromedp.Evaluate[chromedp.Void]("(new MutationObserver(() => { window.told = Date.now(); }))" +
			`.observe(document.getElementById("status"), { childList: true })`))
		begun := evaluate[int64](first, "Date.now()")
		first.do(chromedp.Click(chromedp.ID("logout")))
		second.want("status", "You were logged out")
		took = time.Duration(evaluate[int64](second, "window.told")-begun) * time.Millisecond
		t.Logf("a logout closed a socket of another process after %v", took)
		if took <= time.Second {
			return
		}
		first.login("alice")
		second.do(chromedp.Reload())
		second.elsewhere(first)
	}
	t.Errorf("a logout closed a socket of another process after %v only", took)
}

// The proxy leaves out who is dead, and says so when there is nobody.
func TestPool(t *testing.T) {
	name := func(name string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(name)) }))
	}
	var p pool
	one, two := name("one"), name("two")
	defer one.Close()
	defer two.Close()
	first, second := &serving{addr: one.Listener.Addr().String()}, &serving{addr: two.Listener.Addr().String()}
	p.add(first)
	p.add(second)
	proxy := p.proxy(slog.New(slog.DiscardHandler))
	ask := func() string {
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != http.StatusOK {
			return strconv.Itoa(w.Code)
		}
		return w.Body.String()
	}
	if a, b, c := ask(), ask(), ask(); a == b || a != c {
		t.Errorf("%s, %s, %s answer, want each in turn", a, b, c)
	}
	one.Close()
	if a, b := ask(), ask(); a != "two" || b != "two" {
		t.Errorf("%s, %s answer, want the one that lives", a, b)
	}
	p.remove(second)
	if a := ask(); a != "503" {
		t.Errorf("%s answers, want 503: nobody lives", a)
	}
}
