package natslayer_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/sluicehq/sluice/layers/internal/faults"
	"github.com/sluicehq/sluice/layers/internal/layertest"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

func TestConnectRefuses(t *testing.T) {
	small := runServer(t, func(opts *server.Options) { opts.MaxPayload = 1000 })
	well := runServer(t, nil)
	tests := map[string]struct {
		addr string
		opts natslayer.Options
		says string
	}{
		"small messages only":      {addr(small), natslayer.Options{}, "max_payload"},
		"a prefix with a wildcard": {addr(well), natslayer.Options{Prefix: "a.*"}, `prefix "a.*"`},
		"a prefix with no token":   {addr(well), natslayer.Options{Prefix: "a..b"}, `prefix "a..b"`},
		"no echo":                  {addr(well), natslayer.Options{NATS: []nats.Option{nats.NoEcho()}}, "NoEcho"},
		"a bad option":             {addr(well), natslayer.Options{NATS: []nats.Option{nats.RootCAs("/no/such/file")}}, "/no/such/file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			layer, err := natslayer.Connect("nats://"+test.addr, &test.opts)
			if err == nil {
				layer.Close()
				t.Fatal("Connect succeeded")
			}
			if !strings.HasPrefix(err.Error(), "natslayer: connect: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q, want it to contain %q", err, test.says)
			}
		})
	}
}

func TestClose(t *testing.T) {
	target := addr(runServer(t, nil))
	layer, other := connect(t, target, nil), connect(t, target, nil)
	s := layertest.Subscribe(t, other, "topic")
	cancel, err := layer.Subscribe(t.Context(), "topic", func([]byte) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	layertest.Publish(t, layer, "topic", "last words")
	if err := layer.Close(); err != nil {
		t.Error(err)
	}
	s.Want(t, "last words")
	if err := layer.Publish(t.Context(), "topic", nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Publish after Close: %v, want net.ErrClosed", err)
	}
	if err := cancel(); err != nil {
		t.Errorf("cancel after Close: %v", err)
	}
	if err := layer.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestPrefixesAreApart(t *testing.T) {
	target := addr(runServer(t, nil))
	a := layertest.Subscribe(t, connect(t, target, &natslayer.Options{Prefix: "a.b"}), "topic")
	c := connect(t, target, &natslayer.Options{Prefix: "c"})
	own := layertest.Subscribe(t, c, "topic")
	layertest.Publish(t, c, "topic", "x")
	own.Want(t, "x")
	if len(a.Msgs) > 0 {
		t.Error("a message has gone to a layer with another prefix")
	}
}

// A subscription that the server refuses is an error of Subscribe, though NATS
// says so in passing.
func TestPermissions(t *testing.T) {
	target := addr(runServer(t, func(opts *server.Options) {
		opts.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Deny: []string{"sluice.secret"}},
		}}}
	}))
	layer := connect(t, target, &natslayer.Options{NATS: []nats.Option{nats.UserInfo("u", "p")}})
	for range 2 {
		_, err := layer.Subscribe(t.Context(), "secret", func([]byte) {}, nil)
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("Subscribe: %v, want nats.ErrPermissionViolation", err)
		}
	}
	s := layertest.Subscribe(t, layer, "topic")
	layertest.Publish(t, layer, "topic", "x")
	s.Want(t, "x")
}

// So it is when many ask at once, who get the answers for each other to see.
func TestPermissionsAtOnce(t *testing.T) {
	var secrets []string
	for i := range 50 {
		secrets = append(secrets, fmt.Sprint("secret", i))
	}
	target := addr(runServer(t, func(opts *server.Options) {
		deny := make([]string, len(secrets))
		for i, topic := range secrets {
			deny[i] = "sluice." + topic
		}
		opts.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Deny: deny},
		}}}
	}))
	layer := connect(t, target, &natslayer.Options{
		Logger: slog.New(slog.DiscardHandler),
		NATS:   []nats.Option{nats.UserInfo("u", "p")},
	})
	var wg sync.WaitGroup
	for _, topic := range secrets {
		wg.Go(func() {
			if _, err := layer.Subscribe(t.Context(), topic, func([]byte) {}, nil); !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("Subscribe to %s: %v, want nats.ErrPermissionViolation", topic, err)
			}
		})
		wg.Go(func() {
			if _, err := layer.Subscribe(t.Context(), "open-"+topic, func([]byte) {}, nil); err != nil {
				t.Errorf("Subscribe to what is open: %v", err)
			}
		})
	}
	wg.Wait()
}

// A server that has enough subscriptions says so of none in particular.
func TestMaxSubscriptions(t *testing.T) {
	target := addr(runServer(t, func(opts *server.Options) { opts.MaxSubs = 2 }))
	layer := connect(t, target, &natslayer.Options{Logger: slog.New(slog.DiscardHandler)})
	layertest.Subscribe(t, layer, "one")
	layertest.Subscribe(t, layer, "two")
	for range 2 {
		if _, err := layer.Subscribe(t.Context(), "three", func([]byte) {}, nil); !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
			t.Errorf("Subscribe: %v, want nats.ErrMaxSubscriptionsExceeded", err)
		}
	}
}

// The log must not show what is in the URL.
func TestLogHasNoPassword(t *testing.T) {
	const password = "correct-horse"
	target := addr(runServer(t, func(opts *server.Options) { opts.Username, opts.Password = "user", password }))
	proxy := faults.StartProxy(t, "tcp", target)
	var log layertest.Log
	opts := &natslayer.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), NATS: []nats.Option{quick}}
	layer := connect(t, "user:"+password+"@"+proxy.Addr(), opts)
	s := layertest.Subscribe(t, layer, "topic")
	proxy.Break()
	s.WantGap(t)
	layer.Close()
	if text := log.String(); !strings.Contains(text, "connected again") || strings.Contains(text, password) {
		t.Errorf("log:\n%s", text)
	}
	proxy.Cut()
	_, err := natslayer.Connect("nats://user:"+password+"@"+proxy.Addr(), nil)
	if err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("Connect where nobody answers: %v", err)
	}
}

// TLS with certificates on both sides, and each kind of credentials, survive a
// lost connection.
func TestSecureOptions(t *testing.T) {
	serverTLS, clientTLS := certificates(t)
	user, seed := nkeyFile(t)
	operator, account, creds := credentials(t)
	tests := map[string]struct {
		server func(*server.Options)
		right  nats.Option
		wrong  nats.Option
	}{
		"TLS": {
			func(o *server.Options) { o.TLSConfig, o.TLS, o.TLSVerify, o.TLSTimeout = serverTLS, true, true, 5 },
			nats.Secure(clientTLS),
			nats.Secure(&tls.Config{RootCAs: clientTLS.RootCAs}),
		},
		"password": {
			func(o *server.Options) { o.Username, o.Password = "user", "secret" },
			nats.UserInfo("user", "secret"), nats.UserInfo("user", "guess"),
		},
		"token": {
			func(o *server.Options) { o.Authorization = "secret" },
			nats.Token("secret"), nats.Token("guess"),
		},
		"nkey": {
			func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: user}} },
			must(nats.NkeyOptionFromSeed(seed)), nats.UserInfo("user", "guess"),
		},
		"credentials": {
			func(o *server.Options) {
				o.TrustedOperators = []*jwt.OperatorClaims{operator}
				o.AccountResolver = account
			},
			nats.UserCredentials(creds), nats.UserInfo("user", "guess"),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			proxy := faults.StartProxy(t, "tcp", addr(runServer(t, test.server)))
			layer := connect(t, proxy.Addr(), &natslayer.Options{NATS: []nats.Option{quick, test.right}})
			s := layertest.Subscribe(t, layer, "topic")
			layertest.Publish(t, layer, "topic", "before")
			s.Want(t, "before")
			proxy.Break()
			s.WantGap(t)
			layertest.Publish(t, layer, "topic", "after")
			s.Want(t, "after")

			wrong, err := natslayer.Connect("nats://"+proxy.Addr(), &natslayer.Options{NATS: []nats.Option{test.wrong}})
			if err == nil {
				wrong.Close()
				t.Error("Connect with wrong credentials succeeded")
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// certificates returns configurations of a server and a client that trust each
// other alone.
func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	cert, pool := layertest.Certificate(t)
	own := []tls.Certificate{cert}
	return &tls.Config{Certificates: own, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: own, RootCAs: pool}
}

func nkeyFile(t *testing.T) (public, path string) {
	t.Helper()
	pair := must(nkeys.CreateUser())
	path = filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(path, must(pair.Seed()), 0o600); err != nil {
		t.Fatal(err)
	}
	return must(pair.PublicKey()), path
}

// credentials makes an operator, an account of it and a file for a user of that.
func credentials(t *testing.T) (*jwt.OperatorClaims, server.AccountResolver, string) {
	t.Helper()
	operator, account, user := must(nkeys.CreateOperator()), must(nkeys.CreateAccount()), must(nkeys.CreateUser())
	claims := jwt.NewOperatorClaims(must(operator.PublicKey()))
	must(claims.Encode(operator))

	accounts := &server.MemAccResolver{}
	id := must(account.PublicKey())
	if err := accounts.Store(id, must(jwt.NewAccountClaims(id).Encode(operator))); err != nil {
		t.Fatal(err)
	}
	token := must(jwt.NewUserClaims(must(user.PublicKey())).Encode(account))
	path := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(path, must(jwt.FormatUserConfig(token, must(user.Seed()))), 0o600); err != nil {
		t.Fatal(err)
	}
	return claims, accounts, path
}
