package channels_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// Messages that fill one read after another come out whole and in order, wherever the
// reads have cut them, and however the handler reads them.
func TestManyLargeMessagesAtOnce(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"borrowed": quiet().Handler(channels.ConsumeBorrowed(func() borrower { return borrower{} })),
		"read":     quiet().HandlerFunc(echo),
		"streamed": http.HandlerFunc(echoStream),
	} {
		t.Run(name, func(t *testing.T) {
			hs := httptest.NewServer(h)
			defer hs.Close()
			nc, err := net.Dial("tcp", hs.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(time.Minute)) // so that a fault is no standstill
			var send, want bytes.Buffer
			send.WriteString(opening)
			for i := range 60 {
				size := []int{0, 1, 4000, 65536, 65550, 70000, 200000}[i%7] + i
				payload := bytes.Repeat(binary.BigEndian.AppendUint32(nil, uint32(i)), size/4)
				send.WriteString(masked(0x82, string(payload)))
				want.Write(payload)
			}
			sent := make(chan error, 1)
			go func() {
				_, err := nc.Write(send.Bytes()[:send.Len()-100])
				<-time.After(20 * time.Millisecond) // the last one waits for its end
				nc.Write(send.Bytes()[send.Len()-100:])
				sent <- err
			}()
			got := readPayloads(t, nc, want.Len())
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Error("what came back is not what was sent")
			}
		})
	}
}

// What is copied to a Writer arrives, however the source comes in pieces, and between
// what is written to it otherwise.
func TestWriterReadsFrom(t *testing.T) {
	data := make([]byte, 700_000)
	for i := range data {
		data[i] = byte(i >> 9)
	}
	for name, source := range map[string]func(io.Reader) io.Reader{
		"as it comes":      func(r io.Reader) io.Reader { return r },
		"half":             iotest.HalfReader,
		"data and the end": iotest.DataErrReader,
	} {
		for _, mode := range []channels.CompressionMode{channels.NoCompression, channels.ContextTakeover} {
			t.Run(fmt.Sprint(name, mode), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					u := &channels.Upgrader{Compression: channels.Compression{Mode: mode}}
					client, server := wstest.Pipe(t, u)
					for range 3 {
						sent := make(chan error, 1)
						go func() {
							w, err := client.Writer(t.Context(), channels.BinaryMessage)
							if err != nil {
								sent <- err
								return
							}
							io.WriteString(w, "first ")
							n, err := w.(io.ReaderFrom).ReadFrom(source(bytes.NewReader(data)))
							if n != int64(len(data)) || err != nil {
								sent <- fmt.Errorf("%d bytes, %w", n, err)
								return
							}
							io.WriteString(w, strings.Repeat("last", 50<<10))
							sent <- w.Close()
						}()
						m, err := server.Read(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						if err := <-sent; err != nil {
							t.Fatal(err)
						}
						if want := "first " + string(data) + strings.Repeat("last", 50<<10); string(m.Data) != want {
							t.Errorf("%d bytes came, not the %d that were sent", len(m.Data), len(want))
						}
					}
				})
			})
		}
	}
}

// The error of a source is returned, and one that has nothing to say is given up.
func TestWriterOfBadSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := wstest.Pipe(t, new(channels.Upgrader))
		w, err := client.Writer(t.Context(), channels.BinaryMessage)
		if err != nil {
			t.Fatal(err)
		}
		from := w.(io.ReaderFrom)
		if _, err := from.ReadFrom(iotest.ErrReader(io.ErrClosedPipe)); err != io.ErrClosedPipe {
			t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
		}
		if _, err := from.ReadFrom(silent{}); err != io.ErrNoProgress {
			t.Errorf("got %v, want %v", err, io.ErrNoProgress)
		}
		client.CloseNow()
		w.Close()
		if _, err := from.ReadFrom(strings.NewReader("x")); err == nil {
			t.Error("read for a closed message")
		}
	})
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// echoStream sends messages back in pieces.
func echoStream(w http.ResponseWriter, r *http.Request) {
	c, err := new(channels.Upgrader).Upgrade(w, r)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		typ, from, err := c.Reader(c.Context())
		if err != nil {
			return
		}
		to, err := c.Writer(c.Context(), typ)
		if err != nil {
			return
		}
		if _, err := io.Copy(to, from); err != nil {
			return
		}
		if err := to.Close(); err != nil {
			return
		}
	}
}

// readPayloads reads the response of a handshake, and frames until their payloads have
// n bytes.
func readPayloads(t *testing.T, nc net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, 1)
	for head := []byte(nil); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b...) {
		if _, err := io.ReadFull(nc, b); err != nil {
			t.Fatal(err)
		}
	}
	var got []byte
	var head [8]byte
	for len(got) < n {
		io.ReadFull(nc, head[:2])
		size := uint64(head[1])
		switch size {
		case 126:
			io.ReadFull(nc, head[:2])
			size = uint64(binary.BigEndian.Uint16(head[:]))
		case 127:
			io.ReadFull(nc, head[:8])
			size = binary.BigEndian.Uint64(head[:])
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(nc, payload); err != nil {
			t.Fatalf("after %d bytes of %d: %v", len(got), n, err)
		}
		got = append(got, payload...)
	}
	return got
}
