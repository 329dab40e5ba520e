package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium starts the browser that all tests share, at the first that needs it.
// TestMain ends it.
var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // the tests run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1280, 800),
	)
	allocator, freeAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	endChromium = func() { end(); freeAllocator() }
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

var endChromium = func() {}

// A browser has cookies of its own, which its windows share.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	shared, err := chromium()
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, end := chromedp.NewContext(shared, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("open a browser context: %v", err)
	}
	return &browser{t, ctx}
}

// A window is one tab.
type window struct {
	t     *testing.T
	ctx   context.Context
	close func() // the tab

	mu       sync.Mutex
	problems []string // what the browser complained about
}

func (b *browser) window(url string) *window {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx)
	b.t.Cleanup(end)
	w := &window{t: b.t, ctx: ctx, close: end}
	if err := chromedp.Listen(ctx, w.note); err != nil {
		b.t.Fatalf("open a window: %v", err)
	}
	w.do(chromedp.Navigate(url))
	return w
}

// note records uncaught exceptions and violations of the page's policy.
func (w *window) note(event any) {
	var problem string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description
	case *log.EventEntryAdded:
		if !strings.Contains(e.Entry.Text, "Content Security Policy") {
			return
		}
		problem = e.Entry.Text
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, problem)
}

func (w *window) wantNoProblems() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.problems) > 0 {
		w.t.Errorf("the browser complains:\n%s", strings.Join(w.problems, "\n"))
	}
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// evaluate returns the value of an expression, a promise's when it is one.
func evaluate[T any](w *window, expression string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wantText waits until the visible text of what selector finds contains text.
// (chromedp's own Poll makes a function from a string, which the page's
// Content-Security-Policy forbids.)
func (w *window) wantText(selector, text string) {
	w.t.Helper()
	script := fmt.Sprintf(`new Promise((resolve) => {
		const started = performance.now();
		const text = () => [...document.querySelectorAll(%s)].map((e) => e.innerText).join("\n");
		const look = () => {
			if (text().includes(%s)) resolve("");
			else if (performance.now() - started > %d) resolve(text() || "nothing");
			else setTimeout(look, 10);
		};
		look();
	})`, quote(selector), quote(text), (patience / 2).Milliseconds())
	if got := evaluate[string](w, script); got != "" {
		w.t.Fatalf("%s shows %q, want %q", selector, got, text)
	}
}

func (w *window) fill(id, text string) {
	w.t.Helper()
	evaluate[string](w, fmt.Sprintf(`document.getElementById(%s).value = ""`, quote(id)))
	w.do(chromedp.SendKeys(chromedp.ID(id), text))
}

func (w *window) click(id string) {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.ID(id)))
}

func (w *window) submitLogin(name, password string) {
	w.t.Helper()
	w.fill("username", name)
	w.fill("password", password)
	w.click("submit")
}

// login logs in and waits for the room.
func (w *window) login(name, password string) {
	w.t.Helper()
	w.submitLogin(name, password)
	w.wantText("#me-name", name)
	w.wantText("#status", "Live")
}

// say types a message and presses Enter.
func (w *window) say(text string) {
	w.t.Helper()
	w.do(chromedp.SendKeys(chromedp.ID("draft"), text+"\r"))
}

// within waits for wait, and wants it to return soon enough.
func within(t *testing.T, limit time.Duration, what string, wait func()) {
	t.Helper()
	started := time.Now()
	wait()
	took := time.Since(started)
	t.Logf("%s took %v", what, took.Round(time.Millisecond))
	if took > limit {
		t.Errorf("%s took %v, want at most %v", what, took, limit)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
