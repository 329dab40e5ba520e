package channels_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A read that its context ends leaves the connection usable, between messages and
// within one.
func TestReadSurvivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe(t, nil)
		w, err := client.Writer(t.Context(), channels.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Repeat("ä", 100_000)
		for i, step := range []func(){
			func() {},
			func() { io.WriteString(w, want[:70_001]) }, // in the middle of a rune
			func() { io.WriteString(w, want[70_001:140_000]) },
		} {
			step()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := server.Read(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("step %d: %v, want a deadline exceeded", i, err)
			}
		}
		closed := make(chan error)
		go func() {
			io.WriteString(w, want[140_000:])
			closed <- w.Close()
		}()
		m, err := server.Read(t.Context())
		if err != nil || string(m.Data) != want {
			t.Fatalf("%v, %v", m, err)
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
	})
}

func TestConcurrentRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := wstest.Pipe(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := server.Read(ctx); done <- err }()
		synctest.Wait()
		if _, err := server.Read(t.Context()); !errors.Is(err, channels.ErrConcurrentRead) {
			t.Errorf("second read: %v", err)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("first read: %v", err)
		}
	})
}

// Many writers, and one that writes in fragments: no message is torn.
func TestConcurrentWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe(t, nil)
		const writers, each = 8, 50
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for j := range each {
					text := strings.Repeat(string(rune('a'+i)), j*500)
					if i == 0 {
						w, err := client.Writer(t.Context(), channels.TextMessage)
						if err != nil {
							t.Error(err)
							return
						}
						io.WriteString(w, text)
						w.Close()
						continue
					}
					if err := client.Write(t.Context(), channels.Text(text)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		seen := make(map[byte]int)
		for range writers * each {
			m, err := server.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Data) == 0 {
				continue
			}
			first := m.Data[0]
			seen[first]++
			if want := seen[first] * 500; len(m.Data) != want || len(bytes.Trim(m.Data, string(first))) != 0 {
				t.Fatalf("message %d of %c has %d bytes, want %d of one kind", seen[first], first, len(m.Data), want)
			}
		}
		wg.Wait()
	})
}

func TestReaderStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &channels.Upgrader{Limits: channels.Limits{MessageSize: 8 << 20}}
		client, server := wstest.Pipe(t, u)
		data := bytes.Repeat([]byte("0123456789"), 300<<10)
		go func() {
			w, _ := client.Writer(t.Context(), channels.BinaryMessage)
			io.Copy(w, bytes.NewReader(data))
			w.Close()
			client.Write(t.Context(), channels.Text("next"))
		}()
		typ, r, err := server.Reader(t.Context())
		if err != nil || typ != channels.BinaryMessage {
			t.Fatalf("%v, %v", typ, err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if m, err := server.Read(t.Context()); err != nil || string(m.Data) != "next" {
			t.Fatalf("%v, %v", m, err)
		}
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe(t, nil)
		go client.Discard(t.Context())
		go server.Discard(t.Context())
		if err := client.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if err := server.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// After the end every call returns the same error, and it is net.ErrClosed.
func TestErrorsAreFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe(t, nil)
		go client.Close(4000, "why")
		_, first := server.Read(t.Context())
		if channels.CloseStatus(first) != 4000 {
			t.Fatalf("read: %v", first)
		}
		_, _, readerErr := server.Reader(t.Context())
		_, readErr := server.Read(t.Context())
		_, writerErr := server.Writer(t.Context(), channels.TextMessage)
		for name, err := range map[string]error{
			"Read": readErr, "Reader": readerErr, "Writer": writerErr,
			"Write": server.Write(t.Context(), channels.Text("x")),
			"Ping":  server.Ping(t.Context()),
			"cause": context.Cause(server.Context()),
		} {
			if err != first || !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v, want %v", name, err, first)
			}
		}
	})
}

func TestClose(t *testing.T) {
	tests := []struct {
		code channels.StatusCode
		ok   bool
	}{
		{1000, true}, {1001, true}, {1002, true}, {1003, true}, {1007, true}, {1014, true}, {3000, true}, {4999, true},
		{channels.StatusNoStatus, true},
		{0, false}, {999, false}, {1004, false}, {1006, false}, {1015, false}, {1016, false}, {2999, false}, {5000, false},
	}
	for _, tt := range tests {
		t.Run(tt.code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := wstest.Pipe(t, nil)
				got := make(chan error, 1)
				go func() { _, err := server.Read(t.Context()); got <- err }()
				reason := strings.Repeat("ä", 100) // cut at 122 bytes: a rune is not torn
				err := client.Close(tt.code, reason)
				if tt.ok != (err == nil) {
					t.Fatalf("Close: %v", err)
				}
				if !tt.ok {
					return
				}
				ce, _ := errors.AsType[*channels.CloseError](<-got)
				if ce == nil || ce.Code != tt.code {
					t.Fatalf("the peer got %v", ce)
				}
				if want := reason[:122]; tt.code != channels.StatusNoStatus && ce.Reason != want {
					t.Errorf("reason of %d bytes, want %d", len(ce.Reason), len(want))
				}
			})
		})
	}
}

// F28: a peer that does not answer the close frame is waited for no longer than
// CloseTimeout; F27: one that answers with more data is not listened to.
func TestCloseWithoutAnswer(t *testing.T) {
	for _, talk := range []bool{false, true} {
		t.Run(fmt.Sprintf("talks %v", talk), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := wstest.NewServer(t, quiet().HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					return nil // closes
				}))
				nc, start := rawDial(t, srv), time.Now()
				var wg sync.WaitGroup
				wg.Go(func() {
					for talk {
						if _, err := io.WriteString(nc, masked(0x81, "data after close")); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				})
				all, _ := io.ReadAll(nc)
				nc.Close()
				wg.Wait()
				if want := "\x88\x02\x03\xe8"; string(all) != want {
					t.Errorf("received % x, want one close frame", all)
				}
				if d := time.Since(start); d > 7*time.Second {
					t.Errorf("closed after %v, want at most CloseTimeout and a little", d)
				}
			})
		})
	}
}
