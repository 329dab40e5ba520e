package memnet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// serve runs handler on l, in the bubble it is called in, and stops it at the end
// of the test.
func serve(t *testing.T, l *memnet.Listener, server *http.Server) *http.Client {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return &http.Client{Transport: transport}
}

// A server and a client with all their timeouts, keep-alive and a hijacked
// connection, two hours in no time.
func TestHTTPServerInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, r.Body)
		})
		mux.HandleFunc("/addr", func(w http.ResponseWriter, r *http.Request) {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			fmt.Fprint(w, host, err)
		})
		mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Hour):
				fmt.Fprint(w, "at last")
			case <-r.Context().Done():
			}
		})
		mux.HandleFunc("/hijack", hijack)
		client := serve(t, memnet.Listen(), &http.Server{Handler: mux, IdleTimeout: time.Minute})

		big := strings.Repeat("0123456789", 100_000)
		if got := post(t, client, "/echo", big); got != big {
			t.Errorf("echo of %d bytes came back as %d others", len(big), len(got))
		}
		time.Sleep(2 * time.Minute) // the server closes the idle connection
		if got, want := post(t, client, "/addr", ""), "127.0.0.1<nil>"; got != want {
			t.Errorf("the handler sees %q, want %q", got, want)
		}
		if got, want := post(t, client, "/slow", ""), "at last"; got != want {
			t.Errorf("slow answer %q, want %q", got, want)
		}

		impatient := *client
		impatient.Timeout = time.Second
		start := time.Now()
		if _, err := impatient.Get("http://server/slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("request with a timeout: %v", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("the timeout ended after %v, want 1s", got)
		}
	})
}

// hijack answers and then says after how long the peer was found to be silent.
func hijack(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
	start := time.Now()
	conn.SetReadDeadline(start.Add(100 * time.Second))
	_, err = rw.ReadByte()
	fmt.Fprintf(conn, "%v %t\n", time.Since(start), errors.Is(err, os.ErrDeadlineExceeded))
}

func TestHijackInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, memnet.Listen(), &http.Server{Handler: http.HandlerFunc(hijack)})
		request, _ := http.NewRequest("GET", "http://server/hijack", nil)
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "test")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		line, err := bufio.NewReader(response.Body).ReadString('\n')
		if want := "1m40s true\n"; err != nil || line != want {
			t.Errorf("the handler says %q, %v; want %q", line, err, want)
		}
	})
}

func TestTLSInBubble(t *testing.T) {
	lender := httptest.NewTLSServer(nil) // of its certificate and of who trusts it
	lender.Close()
	trusting := lender.Client().Transport.(*http.Transport).TLSClientConfig

	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{
			TLSConfig: &tls.Config{Certificates: lender.TLS.Certificates},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, r.Proto, " ", r.TLS != nil)
			}),
		}
		l := memnet.Listen()
		served := make(chan error, 1)
		go func() { served <- server.ServeTLS(l, "", "") }()
		transport := &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
			TLSClientConfig:   trusting,
			ForceAttemptHTTP2: true,
		}
		client := &http.Client{Transport: transport}
		response, err := client.Get("https://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if got, want := string(body), "HTTP/2.0 true"; got != want {
			t.Errorf("the handler sees %q, want %q", got, want)
		}
		transport.CloseIdleConnections()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func post(t *testing.T, client *http.Client, path, body string) string {
	t.Helper()
	response, err := client.Post("http://server"+path, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}
