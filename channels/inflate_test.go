package channels_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// What is read in pieces is what was sent, also when messages refer to those before
// them, whichever way those were read.
func TestInflateInPieces(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &channels.Upgrader{
					Compression: channels.Compression{Mode: mode},
					Limits:      channels.Limits{MessageSize: 4 << 20},
				}
				client, server := wstest.Pipe(t, u)
				go func() {
					for range 3 {
						for _, m := range samples() {
							client.Write(t.Context(), m)
						}
					}
				}()
				for round := range 3 {
					for i, want := range samples() {
						var got channels.Message
						var err error
						if (round+i)%3 == 2 {
							got, err = server.Read(t.Context())
						} else {
							got, err = readInPieces(server)
						}
						if err != nil || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) {
							t.Fatalf("round %d, message %d: %v, %v, want %v", round, i, got, err, want)
						}
					}
				}
			})
		})
	}
}

// The limits hold, and what is wrong is found, before the message is complete.
func TestInflateInPiecesRefuses(t *testing.T) {
	packed := func(text string) string {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		io.WriteString(w, text)
		w.Flush()
		return b.String()
	}
	const limit = 100_000
	tests := []struct {
		name, send string
		want       channels.StatusCode
		most       int // bytes that may be delivered before
	}{
		{"F30 a bomb", masked(0xc2, packed(strings.Repeat("x", 50*limit))), channels.StatusMessageTooBig, limit},
		{"over the limit by one", masked(0x42, packed(strings.Repeat("x", limit))) + masked(0x00, packed("x")), channels.StatusMessageTooBig, limit},
		{"UTF-8", masked(0x41, packed(strings.Repeat("x", 50_000)+"\xff")), channels.StatusInvalidPayload, 50_000},
		{"half a rune", masked(0xc1, packed("gr\xc3")[:len(packed("gr\xc3"))-4]), channels.StatusInvalidPayload, 3},
		{"no DEFLATE", masked(0xc2, "\xff\xff\xff"), channels.StatusInvalidPayload, 0},
		{"an end that is missing", masked(0xc2, packed(strings.Repeat("x", 1000))[:8]), channels.StatusInvalidPayload, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, result := 0, make(chan error, 1)
				h := func(w http.ResponseWriter, r *http.Request) {
					u := channels.Upgrader{Compression: channels.Compression{Mode: channels.NoContextTakeover}, Limits: channels.Limits{MessageSize: limit}}
					c, err := u.Upgrade(w, r)
					if err != nil {
						result <- err
						return
					}
					_, from, err := c.Reader(c.Context())
					for p := make([]byte, 1000); err == nil; {
						var n int
						n, err = from.Read(p)
						got += n
					}
					if _, again := from.Read(make([]byte, 1)); again == nil || again == io.EOF {
						t.Errorf("then the reader returned %v", again)
					}
					result <- err
				}
				nc := wstest.NewServer(t, http.HandlerFunc(h)).NetConn()
				defer nc.Close()
				go io.Copy(io.Discard, nc) // ends with the connection
				io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate"))
				go io.WriteString(nc, tt.send) // which may be more than is taken
				if err := <-result; channels.CloseStatus(err) != tt.want || got > tt.most {
					t.Errorf("%d bytes, then %v; want at most %d, then %v", got, err, tt.most, tt.want)
				}
			})
		})
	}
}

// A message that was begun in pieces can be ended after the context of the first reader
// has ended: in pieces, or with what is left of it at once.
func TestInflateAfterAContext(t *testing.T) {
	text := strings.Repeat("a message that comes in two parts; ", 5000)
	for name, rest := range map[string]func(*channels.Conn) (channels.Message, error){
		"in pieces": readInPieces,
		"at once":   func(c *channels.Conn) (channels.Message, error) { return c.Read(context.Background()) },
		"in pieces after another end": func(c *channels.Conn) (channels.Message, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if m, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				return m, err
			}
			return readInPieces(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &channels.Upgrader{Compression: channels.Compression{Mode: channels.ContextTakeover}}
				client, server := wstest.Pipe(t, u)
				go func() {
					w, _ := client.Writer(t.Context(), channels.TextMessage)
					io.WriteString(w, text[:100_000])
					time.Sleep(10 * time.Second)
					io.WriteString(w, text[100_000:])
					w.Close()
					client.Write(t.Context(), channels.Text(text))
				}()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				_, r, err := server.Reader(ctx)
				if err != nil {
					t.Fatal(err)
				}
				begin, err := io.ReadAll(r)
				if !errors.Is(err, context.DeadlineExceeded) || len(begin) == 0 {
					t.Fatalf("%d bytes, %v", len(begin), err)
				}
				m, err := rest(server)
				if err != nil || string(begin)+string(m.Data) != text {
					t.Fatalf("%d bytes, then %d of %d, %v", len(begin), len(m.Data), len(text), err)
				}
				if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("the first reader returned %v", err)
				}
				if m, err := server.Read(t.Context()); err != nil || string(m.Data) != text {
					t.Errorf("the next message: %v, %v", m, err)
				}
			})
		})
	}
}
