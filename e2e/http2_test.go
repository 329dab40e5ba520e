package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/channels"
)

// http2Role in the environment makes this binary a server of WebSockets over HTTP/2: a
// process needs GODEBUG=http2xconnect=1 from its start for that.
const http2Role = "SLUICE_E2E_HTTP2"

// serveHTTP2 prints its address and serves until its standard input ends.
func serveHTTP2() {
	srv := &channels.Server{Upgrader: channels.Upgrader{
		Subprotocols: []string{"echo"},
		Compression:  channels.Compression{Mode: channels.ContextTakeover},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><title>HTTP/2</title><p id=proto>%s</p>", r.Proto)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		how := r.Method + " " + r.Proto + " from " + r.RemoteAddr
		srv.Accept(w, r, channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			s.Send(ctx, channels.Text(how))
			for m, err := range s.Messages(ctx) {
				if err != nil {
					return err
				}
				if string(m.Data) == "enough" {
					return channels.Closef(4000, "enough")
				}
				if err := s.Send(ctx, m); err != nil {
					return err
				}
			}
			return nil
		}))
	})
	ts := httptest.NewUnstartedServer(mux)
	ts.EnableHTTP2 = true
	ts.Config.ErrorLog = log.New(io.Discard, "", 0)
	ts.StartTLS()
	fmt.Println(ts.URL)
	io.Copy(io.Discard, os.Stdin)
	ts.CloseClientConnections()
}

// Chromium, with its page over HTTP/2, opens two sockets on the page's own connection.
func TestChromiumOverHTTP2(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), self)
	server.Env = append(os.Environ(), http2Role+"=1", "GODEBUG=http2xconnect=1")
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		server.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	w := newBrowser(t).window("about:blank")
	w.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
		return err
	}), chromedp.Navigate(strings.TrimSpace(url)+"/"))
	w.wantText("#proto", "HTTP/2.0")
	report := evaluate[[]string](w, `Promise.all([1, 2].map(() => new Promise((resolve) => {
		const heard = [], ws = new WebSocket("/echo", "echo"), large = "ä".repeat(300000);
		ws.onmessage = (e) => {
			heard.push(e.data === large ? "large" : e.data);
			if (heard.length === 1) ws.send(large);
			if (heard.length === 2) ws.send("enough");
		};
		ws.onclose = (e) => resolve([ws.protocol, ws.extensions.split(";")[0], ...heard, e.code, e.reason, e.wasClean].join(" | "));
	})))`)
	const want = "echo | permessage-deflate | CONNECT HTTP/2.0 from ADDR | large | 4000 | enough | true"
	for _, line := range report {
		if line = strings.Replace(line, from(line), "ADDR", 1); line != want {
			t.Errorf("a socket: %s\nwant      %s", line, want)
		}
	}
	if a, b := from(report[0]), from(report[1]); a == "" || a != b {
		t.Errorf("the sockets came from %q and %q, want one connection", a, b)
	}
}

// from returns the address that a report names.
func from(report string) string {
	_, rest, _ := strings.Cut(report, "from ")
	addr, _, _ := strings.Cut(rest, " ")
	return addr
}
