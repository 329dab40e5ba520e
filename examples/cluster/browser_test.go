package main

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what must happen soon.
const patience = 30 * time.Second

// startChromium returns a browser, which is ended with the test.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // the tests run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
	)
	allocator, freeAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(freeAllocator)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

// person returns a browser context: its windows share cookies, with nobody else.
func person(t *testing.T, chromium context.Context) context.Context {
	t.Helper()
	ctx, end := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// A window is a tab with the page.
type window struct {
	t   *testing.T
	ctx context.Context
}

func openWindow(t *testing.T, person context.Context, url string) *window {
	t.Helper()
	ctx, end := chromedp.NewContext(person)
	t.Cleanup(end)
	w := &window{t, ctx}
	exceptions := func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the page throws: %s", e.ExceptionDetails.Text)
		}
	}
	// This also makes the tab, for as long as ctx: the first action would, for its own time.
	if err := chromedp.Listen(ctx, exceptions); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Navigate(url))
	return w
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// evaluate returns the value of an expression.
func evaluate[T any](w *window, expression string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true. It asks time and again, as the page it asks may
// be about to give way to another.
func (w *window) wait(condition string) {
	w.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithDeadline(w.ctx, deadline)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		cancel()
		if ok && err == nil {
			return
		}
		last = err
	}
	w.t.Fatalf("it does not come about that %s (%v); the page shows %q", condition, last, evaluate[string](w, "document.body.innerText"))
}

// want waits until an element shows a text.
func (w *window) want(id, text string) {
	w.t.Helper()
	w.wait(fmt.Sprintf("document.getElementById(%s).innerText.includes(%s)", quote(id), quote(text)))
}

func (w *window) text(id string) string {
	w.t.Helper()
	return evaluate[string](w, "document.getElementById("+quote(id)+").innerText")
}

func (w *window) login(name string) {
	w.t.Helper()
	w.wait(`!document.getElementById("login").hidden`)
	w.do(chromedp.SendKeys(chromedp.ID("username"), name), chromedp.SendKeys(chromedp.ID("password"), accountsToTry[name]+"\r"))
	w.want("status", "Live")
	w.want("me", name)
}

func (w *window) say(text string) {
	w.t.Helper()
	w.do(chromedp.SendKeys(chromedp.ID("text"), text+"\r"))
}

// elsewhere reloads the page until another process serves it than the other window's.
func (w *window) elsewhere(other *window) {
	w.t.Helper()
	for range 20 {
		w.want("status", "Live")
		if w.text("node") != other.text("node") {
			return
		}
		w.do(chromedp.Reload())
	}
	w.t.Fatal("the proxy sends everybody to one process")
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
