package channels_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
)

// through returns a DialOptions.Proxy that always chooses one.
func through(t *testing.T, proxy string) func(*http.Request) (*url.URL, error) {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	return http.ProxyURL(u)
}

// tunnels plays an HTTP proxy into w: it tells visit of the request, answers, and is
// the host that was asked for from then on.
func tunnels(w world, visit func(*http.Request), answer string) func(net.Conn) {
	return func(nc net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		visit(r)
		io.WriteString(nc, answer)
		if peer := w[r.RequestURI]; peer != nil {
			peer(nc)
		}
	}
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

func TestDialHTTPProxy(t *testing.T) {
	cert, pool := lender(t)
	tests := []struct {
		name, proxy, url, answer string
		want                     []string // the requests of the proxy and the server: line, Host, credentials for either
	}{
		{"http", "http://proxy.example.com", "ws://server.example.com/x", established,
			[]string{"CONNECT server.example.com:80 server.example.com:80||", "GET /x server.example.com||Bearer t"}},
		{"http with a password", "http://user:pass@proxy.example.com:80", "ws://server.example.com:8080/", established,
			[]string{"CONNECT server.example.com:8080 server.example.com:8080|Basic dXNlcjpwYXNz|", "GET / server.example.com:8080||Bearer t"}},
		{"https", "https://user@proxy.example.com", "ws://[2001:db8::1]/", established,
			[]string{"CONNECT [2001:db8::1]:80 [2001:db8::1]:80|Basic dXNlcjo=|", "GET / [2001:db8::1]||Bearer t"}},
		{"wss behind http", "http://proxy.example.com", "wss://server.example.com/", established,
			[]string{"CONNECT server.example.com:443 server.example.com:443||", "GET / server.example.com||Bearer t"}},
		{"wss behind https", "https://proxy.example.com:443", "wss://server.example.com/", established,
			[]string{"CONNECT server.example.com:443 server.example.com:443||", "GET / server.example.com||Bearer t"}},
		{"another 2xx, with fields that mean nothing", "http://proxy.example.com", "ws://server.example.com/", "HTTP/1.0 204 Fine\r\nVia: x\r\n\r\n",
			[]string{"CONNECT server.example.com:80 server.example.com:80||", "GET / server.example.com||Bearer t"}},
		{"103 first", "http://proxy.example.com", "ws://server.example.com/", "HTTP/1.1 103 Early Hints\r\n\r\n" + established,
			[]string{"CONNECT server.example.com:80 server.example.com:80||", "GET / server.example.com||Bearer t"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			visit := func(r *http.Request) {
				got = append(got, fmt.Sprintf("%s %s %s|%s|%s", r.Method, r.RequestURI, r.Host,
					r.Header.Get("Proxy-Authorization"), r.Header.Get("Authorization")))
			}
			server := answering(func(r *http.Request) string {
				visit(r)
				return accepting + "\x81\x05hello"
			})
			behind := world{
				"server.example.com:80": server, "server.example.com:8080": server, "[2001:db8::1]:80": server,
				"server.example.com:443": overTLS(cert, nil, server),
			}
			named := func(cs tls.ConnectionState) {
				if cs.ServerName != "proxy.example.com" {
					t.Errorf("the proxy is asked for the certificate of %q", cs.ServerName)
				}
			}
			proxy := tunnels(behind, visit, tt.answer)
			w := world{"proxy.example.com:80": proxy, "proxy.example.com:443": overTLS(cert, named, proxy)}
			c, _, err := w.dial(t, tt.url, channels.DialOptions{
				Proxy: through(t, tt.proxy), Header: http.Header{"Authorization": {"Bearer t"}},
				// A name for the server is none for the proxy.
				TLSConfig: &tls.Config{RootCAs: pool, ServerName: "server.example.com"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "hello" {
				t.Errorf("%v, %v", m, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// A proxy that fails is told from a server that does, and nothing of it is passed on
// as the server's response.
func TestDialProxyFails(t *testing.T) {
	tests := []struct{ proxy, answer, want string }{
		{"http://user:secret@proxy", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\nsecret", "proxy: answered 407"},
		{"http://user:secret@proxy", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy: answered 502"},
		{"http://user:secret@proxy", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "proxy: answered 101"},
		{"http://user:secret@proxy", "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n", "proxy: answered 302"},
		{"http://user:secret@proxy", established + "\x81\x05hello", "proxy: sent data before the tunnel was used"},
		{"http://user:secret@proxy", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", "proxy: sent data before the tunnel was used"},
		{"http://user:secret@proxy", "secret\r\n\r\n", "proxy: malformed response"},
		{"http://user:secret@proxy", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 70<<10) + "\r\n\r\n", "proxy: the response's header is too large"},
		{"http://user:secret@proxy", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9) + established, "proxy: too many informational responses"},
		{"http://user:secret@proxy", "", "proxy: unexpected EOF"},
		{"https://user:secret@proxy", "HTTP/1.1 400 Bad Request\r\n\r\n", "proxy: tls: "},
		{"http://user:secret@unknown", "", "proxy: there is no unknown:80"},
		{"https://user:secret@unknown", "", "proxy: there is no unknown:443"},
		{"socks5://user:secret@unknown", "", "there is no unknown:1080"},
		{"socks5://user:secret@[::1]:1", "", "there is no [::1]:1"},
		{"ftp://user:secret@proxy", "", `proxy: the scheme "ftp" is none of http, https and socks5`},
	}
	for _, tt := range tests {
		t.Run(tt.proxy+" "+tt.want, func(t *testing.T) {
			peer := func(nc net.Conn) {
				nc.Read(make([]byte, 1))
				io.WriteString(nc, tt.answer)
			}
			_, resp, err := world{"proxy:80": peer, "proxy:443": peer}.dial(t, "ws://server/?token=secret", channels.DialOptions{Proxy: through(t, tt.proxy)})
			if err == nil || !strings.Contains(err.Error(), tt.want) || resp != nil {
				t.Errorf("%v, %v; want an error with %q", resp, err, tt.want)
			}
			checkNoSecret(t, err)
		})
	}
	broken := errors.New("no way out")
	_, _, err := world{}.dial(t, "ws://server/", channels.DialOptions{Proxy: func(r *http.Request) (*url.URL, error) {
		return nil, fmt.Errorf("%w for %s", broken, r.URL)
	}})
	if want := "websocket: dial: proxy: no way out for http://server/"; !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A socksProxy is a SOCKS5 proxy (RFC 1928) into a world, for users with the one
// password (RFC 1929) or, when that is empty, for everybody.
type socksProxy struct {
	behind   world
	password string
	got      string // "user:password host:port"
}

func (p *socksProxy) serve(nc net.Conn) {
	user, ok := p.greet(nc)
	if !ok {
		return
	}
	addr, ok := readSOCKSRequest(nc)
	if !ok {
		return
	}
	p.got = user + " " + addr
	peer := p.behind[addr]
	reply := byte(0)
	if peer == nil {
		reply = 4 // host unreachable
	}
	nc.Write([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
	if peer != nil {
		peer(nc)
	}
}

// greet agrees on a method of authentication and carries it out.
func (p *socksProxy) greet(nc net.Conn) (user string, ok bool) {
	methods, ok := readCounted(nc, 5)
	method := byte(0)
	if p.password != "" {
		method = 2
	}
	if !ok || !bytes.Contains(methods, []byte{method}) {
		nc.Write([]byte{5, 0xff})
		return "", false
	}
	nc.Write([]byte{5, method})
	if method == 0 {
		return "", true
	}
	name, _ := readCounted(nc, 1)
	password, _ := readCounted(nc)
	status := byte(0)
	if string(password) != p.password {
		status = 1
	}
	nc.Write([]byte{1, status})
	return string(name) + ":" + string(password), status == 0
}

// readCounted reads the bytes of a head, and as many as the byte behind it says.
func readCounted(r io.Reader, head ...byte) ([]byte, bool) {
	b := make([]byte, len(head)+1)
	if _, err := io.ReadFull(r, b); err != nil || !bytes.HasPrefix(b, head) {
		return nil, false
	}
	value := make([]byte, b[len(head)])
	_, err := io.ReadFull(r, value)
	return value, err == nil
}

// readSOCKSRequest reads a request to connect, and returns the "host:port".
func readSOCKSRequest(r io.Reader) (string, bool) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil || head[1] != 1 {
		return "", false
	}
	var host string
	switch head[3] {
	case 1, 4: // 4 bytes of an IPv4 address, 16 of an IPv6 one
		ip := make(net.IP, int(head[3])*4)
		if _, err := io.ReadFull(r, ip); err != nil {
			return "", false
		}
		host = ip.String()
	case 3:
		name, ok := readCounted(r)
		if !ok {
			return "", false
		}
		host = string(name)
	}
	port := make([]byte, 2)
	_, err := io.ReadFull(r, port)
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port)))), err == nil
}

func TestDialSOCKS(t *testing.T) {
	cert, pool := lender(t)
	tests := []struct{ name, proxy, url, password, want, err string }{
		{"nobody asks", "socks5://proxy", "ws://server/", "", " server:80", ""},
		{"nobody asks for the password", "socks5://u:p@proxy", "ws://server/", "", " server:80", ""},
		{"a password", "socks5://u:p@proxy:1080", "ws://server/", "p", "u:p server:80", ""},
		{"the proxy resolves names", "socks5h://u:p@proxy", "ws://server/", "p", "u:p server:80", ""},
		{"an address", "socks5://proxy", "ws://127.0.0.1:8080/", "", " 127.0.0.1:8080", ""},
		{"an IPv6 address", "socks5://proxy", "ws://[2001:db8::1]/", "", " [2001:db8::1]:80", ""},
		{"wss", "socks5://u:p@proxy", "wss://server.example.com/", "p", "u:p server.example.com:443", ""},
		{"a wrong password", "socks5://u:secret@proxy", "ws://server/?secret", "p", "", "authentication failed"},
		{"no password", "socks5://proxy", "ws://server/?secret", "p", "", "no acceptable authentication methods"},
		{"no such server", "socks5://u:secret@proxy", "ws://nowhere/?secret", "", " nowhere:80", "host unreachable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := answers(accepting + "\x81\x05hello")
			p := &socksProxy{password: tt.password, behind: world{
				"server:80": server, "127.0.0.1:8080": server, "[2001:db8::1]:80": server,
				"server.example.com:443": overTLS(cert, nil, server),
			}}
			c, resp, err := world{"proxy:1080": p.serve}.dial(t, tt.url, channels.DialOptions{
				Proxy: through(t, tt.proxy), TLSConfig: &tls.Config{RootCAs: pool},
			})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "dial: proxy: ") || resp != nil {
					t.Errorf("%v, %v; want an error with %q", resp, err, tt.err)
				}
				checkNoSecret(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "hello" {
				t.Errorf("%v, %v", m, err)
			}
			if p.got != tt.want {
				t.Errorf("the proxy got %q, want %q", p.got, tt.want)
			}
		})
	}
}

// The end of ctx, or of the time, ends Dial in each phase, with its cause.
func TestDialEnds(t *testing.T) {
	silent := func(nc net.Conn) { io.Copy(io.Discard, nc) }
	says := func(text string) func(net.Conn) {
		return func(nc net.Conn) {
			io.WriteString(nc, text)
			io.Copy(io.Discard, nc)
		}
	}
	stuck := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	cert, pool := lender(t)
	tests := []struct {
		phase, url, proxy string
		peer              func(net.Conn) // at every address; nil: connecting does not end
		blamed            bool           // the error says that it was the proxy's
	}{
		{"connect", "ws://server/", "", nil, false},
		{"TLS", "wss://server/", "", silent, false},
		{"write", "ws://server/?" + strings.Repeat("x", 100<<10), "", func(nc net.Conn) { time.Sleep(time.Hour) }, false},
		{"response", "ws://server/", "", silent, false},
		{"half a response", "ws://server/", "", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"), false},
		{"endless informational response", "ws://server/", "", says("HTTP/1.1 103 Early Hints\r\nLink: "), false},
		{"connect to an HTTP proxy", "ws://server/", "http://proxy", nil, true},
		{"HTTP proxy", "ws://server/", "http://proxy", silent, true},
		{"half a response of an HTTP proxy", "ws://server/", "http://proxy", says("HTTP/1.1 200 OK\r\nVia"), true},
		{"TLS with a proxy", "ws://server/", "https://proxy", silent, true},
		{"HTTPS proxy", "ws://server/", "https://example.com", overTLS(cert, nil, silent), true},
		{"TLS behind a proxy", "wss://server/", "http://proxy", says(established), false},
		{"response behind a proxy", "ws://server/", "http://proxy", says(established), false},
		{"connect to a SOCKS proxy", "ws://server/", "socks5://proxy", nil, true},
		{"SOCKS proxy", "ws://server/", "socks5://proxy", silent, true},
		{"half a greeting of a SOCKS proxy", "ws://server/", "socks5://proxy", says("\x05"), true},
		{"response behind a SOCKS proxy", "ws://server/", "socks5://proxy", says("\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"), false},
	}
	reason := errors.New("the user has left")
	for _, tt := range tests {
		for _, how := range []string{"cancelled", "deadline", "Timeout", "default Timeout"} {
			t.Run(tt.phase+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opts := channels.DialOptions{NetDial: stuck, TLSConfig: &tls.Config{RootCAs: pool}, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
					if tt.peer != nil {
						opts.NetDial = everywhere(tt.peer).network(t)
					}
					if tt.proxy != "" {
						opts.Proxy = through(t, tt.proxy)
					}
					ctx, after, want := t.Context(), 5*time.Second, context.DeadlineExceeded
					switch how {
					case "cancelled":
						cancellable, cancel := context.WithCancelCause(ctx)
						time.AfterFunc(after, func() { cancel(reason) })
						ctx, want = cancellable, reason
					case "deadline":
						timed, cancel := context.WithTimeoutCause(ctx, after, reason)
						defer cancel()
						ctx, want = timed, reason
					case "Timeout":
						opts.Timeout = after
					default:
						after = 30 * time.Second
					}
					start := time.Now()
					c, resp, err := channels.Dial(ctx, tt.url, &opts)
					if !errors.Is(err, want) || c != nil || resp != nil {
						t.Errorf("%v, %v, %v; want %v", c, resp, err, want)
					}
					if strings.Contains(fmt.Sprint(err), "dial: proxy: ") != tt.blamed {
						t.Errorf("%v; is it the proxy's? %v", err, tt.blamed)
					}
					if d := time.Since(start); d != after {
						t.Errorf("Dial took %v, want %v", d, after)
					}
				})
			})
		}
	}
}

// everywhere is a world in which each address that is used has the same peer.
func everywhere(peer func(net.Conn)) world {
	w := make(world)
	for _, addr := range []string{"server:80", "server:443", "proxy:80", "proxy:443", "proxy:1080", "example.com:443"} {
		w[addr] = peer
	}
	return w
}

// Ctx and Timeout bound Dial only; no Timeout is no limit.
func TestDialOutlivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := func(nc net.Conn) {
			r, _ := http.ReadRequest(bufio.NewReader(nc))
			time.Sleep(time.Hour)
			io.WriteString(nc, strings.ReplaceAll(accepting, "{accept}", accept(r)))
			time.Sleep(time.Hour)
			io.WriteString(nc, "\x81\x05hello")
			io.Copy(io.Discard, nc)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Minute)
		defer cancel()
		c, _, err := channels.Dial(ctx, "ws://server/", &channels.DialOptions{
			NetDial: world{"server:80": peer}.network(t), Timeout: -1, PingInterval: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "hello" {
			t.Errorf("%v, %v", m, err)
		}
	})
}

// Without NetDial and Proxy the environment's proxy is used: in a process of its own,
// as net/http reads it once.
func TestDialProxyFromEnvironment(t *testing.T) {
	const marker = "SLUICE_TEST_DIAL_PROXY"
	if os.Getenv(marker) != "" {
		_, _, err := channels.Dial(t.Context(), "ws://server.invalid/", nil)
		if err == nil || !strings.Contains(err.Error(), "proxy: answered 418") {
			t.Errorf("%v, want the proxy's refusal", err)
		}
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	proxy := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusTeapot)
	})}
	stopped := make(chan struct{})
	go func() { // ends with proxy
		defer close(stopped)
		proxy.Serve(l)
	}()
	defer func() {
		proxy.Close()
		<-stopped
	}()
	cmd := exec.Command(os.Args[0], "-test.run=^TestDialProxyFromEnvironment$")
	cmd.Env = append(os.Environ(), marker+"=1", "HTTP_PROXY=http://"+l.Addr().String(), "NO_PROXY=", "REQUEST_METHOD=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := <-asked, "CONNECT server.invalid:80"; got != want {
		t.Errorf("the proxy was asked to %s, want %s", got, want)
	}
}
