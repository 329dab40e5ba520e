package redislayer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sluicehq/sluice/layers/internal/faults"
	"github.com/sluicehq/sluice/layers/internal/layertest"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

func TestConnectRefuses(t *testing.T) {
	front := startProcess(t).front(t).Addr()
	gone := startProcess(t).front(t)
	gone.Cut()
	old := startProcess(t, "--rename-command", "SPUBLISH", "").front(t).Addr()
	tests := map[string]struct {
		url  string
		opts redislayer.Options
		says string
	}{
		"no URL":                     {"redis://user:secret@host:port", redislayer.Options{}, "not a URL"},
		"a prefix with a brace":      {"redis://" + front, redislayer.Options{Prefix: "{a}"}, "brace"},
		"nobody there":               {"redis://" + gone.Addr(), redislayer.Options{}, "connect: "},
		"sharding that is not there": {"redis://" + old, redislayer.Options{Sharding: redislayer.ShardingAlways}, "unknown command"},
		"a user that there is not":   {"redis://user:secret@" + front, redislayer.Options{}, "WRONGPASS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			layer, err := redislayer.Connect(test.url, &test.opts)
			if err == nil {
				layer.Close()
				t.Fatal("Connect succeeded")
			}
			if !strings.HasPrefix(err.Error(), "redislayer: connect: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q, want it to contain %q", err, test.says)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q has the password in it", err)
			}
		})
	}
}

// Sharded pub/sub is used when it is there, and only then.
func TestShardingAuto(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		command string
	}{
		"Redis 7": {nil, "SHARDCHANNELS"},
		"older":   {[]string{"--rename-command", "SPUBLISH", ""}, "CHANNELS"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := startProcess(t, test.args...).front(t).Addr()
			layer := connect(t, addr, nil)
			s := layertest.Subscribe(t, layer, "topic")
			layertest.Publish(t, layer, "topic", "x")
			s.Want(t, "x")
			client := redisClient(t, addr)
			got, err := client.Do(t.Context(), client.B().Arbitrary("PUBSUB", test.command).Build()).AsStrSlice()
			if err != nil || len(got) != 1 || got[0] != "sluice:topic" {
				t.Errorf("PUBSUB %s = %q, %v; want [sluice:topic]", test.command, got, err)
			}
		})
	}
}

func redisClient(t *testing.T, addr string) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// The server's subscription ends soon after the last one here.
func TestUnsubscribe(t *testing.T) {
	addr := startProcess(t).front(t).Addr()
	layer, client := connect(t, addr, nil), redisClient(t, addr)
	for range 2 {
		cancel, err := layer.Subscribe(t.Context(), "topic", func([]byte) {}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := cancel(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the server has no subscription", func() bool {
		got, err := client.Do(t.Context(), client.B().Arbitrary("PUBSUB", "SHARDCHANNELS").Build()).AsStrSlice()
		return err == nil && len(got) == 0
	})
}

// The first one that subscribes makes the server subscribe to many topics at a
// time when it comes back.
func TestManyTopics(t *testing.T) {
	proxy := startProcess(t).front(t)
	layer := connect(t, proxy.Addr(), nil)
	var sinks []*layertest.Sink
	for i := range 1000 {
		sinks = append(sinks, layertest.Subscribe(t, layer, "topic."+string(rune('a'+i%26))+strings.Repeat("x", i/26)))
	}
	proxy.Break()
	for _, s := range sinks {
		s.WantGap(t)
	}
}

func TestClose(t *testing.T) {
	proxy := startProcess(t).front(t)
	layer := connect(t, proxy.Addr(), nil)
	cancel, err := layer.Subscribe(t.Context(), "topic", func([]byte) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	release := proxy.Hold()
	waiting := make(chan error)
	go func() { // ended by Close, waited for by the receive
		_, err := layer.Subscribe(context.Background(), "other", func([]byte) {}, nil)
		waiting <- err
	}()
	time.AfterFunc(50*time.Millisecond, release)
	if err := layer.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, redislayer.ErrClosed) {
		t.Errorf("Subscribe that Close interrupts: %v, want ErrClosed", err)
	}
	if err := layer.Publish(t.Context(), "topic", nil); !errors.Is(err, redislayer.ErrClosed) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Publish after Close: %v, want ErrClosed", err)
	}
	if _, err := layer.Subscribe(t.Context(), "topic", func([]byte) {}, nil); !errors.Is(err, redislayer.ErrClosed) {
		t.Errorf("Subscribe after Close: %v, want ErrClosed", err)
	}
	if err := cancel(); err != nil {
		t.Errorf("cancel after Close: %v", err)
	}
	if err := layer.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// commands are all that a layer uses, as the README says.
var commands = strings.Fields("+publish +subscribe +unsubscribe +spublish +ssubscribe +sunsubscribe +ping +hello +client +cluster|slots +cluster|shards")

// A topic that the user may not subscribe to is refused, alone, and can be had
// when the permission is there.
func TestPermissions(t *testing.T) {
	addr := startProcess(t).front(t).Addr()
	admin := redisClient(t, addr)
	permit := func(channels ...string) {
		t.Helper()
		words := slices.Concat([]string{"ACL", "SETUSER", "u", "reset", "on", ">p"}, commands, channels)
		if err := admin.Do(t.Context(), admin.B().Arbitrary(words...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	permit("&sluice:", "&sluice:good*")
	layer := connect(t, "u:p@"+addr, nil)
	var calls sync.WaitGroup
	for _, topic := range []string{"good1", "bad", "good2", "good3"} {
		calls.Go(func() { // together, so that they are told to the server together
			cancel, err := layer.Subscribe(t.Context(), topic, func([]byte) {}, nil)
			if topic == "bad" {
				if err == nil || !strings.Contains(err.Error(), "NOPERM") {
					t.Errorf("Subscribe to %s: %v, want NOPERM", topic, err)
				}
				return
			}
			if err != nil {
				t.Errorf("Subscribe to %s: %v", topic, err)
				return
			}
			cancel()
		})
	}
	calls.Wait()
	permit("&sluice:*")
	s := layertest.Subscribe(t, layer, "bad")
	layertest.Publish(t, layer, "bad", "x")
	s.Want(t, "x")
}

func TestPrefixesAreApart(t *testing.T) {
	addr := startProcess(t).front(t).Addr()
	a := layertest.Subscribe(t, connect(t, addr, &redislayer.Options{Prefix: "a"}), "topic")
	c := connect(t, addr, &redislayer.Options{Prefix: "c"})
	own := layertest.Subscribe(t, c, "topic")
	layertest.Publish(t, c, "topic", "x")
	own.Want(t, "x")
	if len(a.Msgs) > 0 {
		t.Error("a message has gone to a layer with another prefix")
	}
}

// The log must not show what is in the URL.
func TestLogHasNoPassword(t *testing.T) {
	const password = "correct-horse"
	proxy := startProcess(t, "--requirepass", password).front(t)
	var log layertest.Log
	layer := connect(t, ":"+password+"@"+proxy.Addr(), &redislayer.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s := layertest.Subscribe(t, layer, "topic")
	proxy.Break()
	s.WantGap(t)
	layertest.Publish(t, layer, "topic", "x")
	s.Want(t, "x")
	if text := log.String(); !strings.Contains(text, "lost") || strings.Contains(text, password) {
		t.Errorf("log:\n%s", text)
	}
}

// TLS with certificates on both sides goes through the options of the client
// library.
func TestTLS(t *testing.T) {
	files, config := certificates(t)
	port := freePort(t)
	server := newProcess(t, "--port", "0", "--bind", "127.0.0.1", "--tls-port", port,
		"--tls-cert-file", files.cert, "--tls-key-file", files.key, "--tls-ca-cert-file", files.cert)
	server.await(t, "tcp", "127.0.0.1:"+port)
	proxy := faults.StartProxy(t, "tcp", "127.0.0.1:"+port)
	layer := connect(t, proxy.Addr(), &redislayer.Options{
		Redis: func(o *rueidis.ClientOption) { o.TLSConfig = config },
	})
	s := layertest.Subscribe(t, layer, "topic")
	proxy.Break()
	s.WantGap(t)
	layertest.Publish(t, layer, "topic", "x")
	s.Want(t, "x")

	plain, err := redislayer.Connect("rediss://"+proxy.Addr(), nil)
	if err == nil {
		plain.Close()
		t.Error("Connect without the certificate succeeded")
	}
}

type certificateFiles struct{ cert, key string }

// certificates returns files for a server and a configuration for a client that
// trust each other alone.
func certificates(t *testing.T) (certificateFiles, *tls.Config) {
	t.Helper()
	cert, pool := layertest.Certificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := certificateFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{
		files.cert: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		files.key:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files, &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool}
}
