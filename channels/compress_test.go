package channels_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

var modes = map[string]channels.CompressionMode{
	"no takeover": channels.NoContextTakeover,
	"takeover":    channels.ContextTakeover,
}

// samples are messages that compress well, badly, and not at all.
func samples() []channels.Message {
	random := make([]byte, 100<<10)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	list := []channels.Message{channels.Text(""), channels.Text("short"), channels.Binary(random), channels.Binary(random[:300])}
	for i := range 30 {
		list = append(list, channels.Text(fmt.Sprintf(`{"id":%d,"user":"alice","text":%q}`, i, strings.Repeat("grüezi mitenand ", i*i))))
	}
	return append(list, channels.Text(strings.Repeat("x", 3<<20)))
}

// Both ends agree, and every message comes through: whole and in fragments, by
// Read, by Reader and to a consumer that borrows.
func TestCompression(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Compression.Mode = mode
				server.Upgrader.Limits.MessageSize = 4 << 20
				server.Queue.Bytes = 16 << 20
				srv := wstest.NewServer(t, server.Handler(channels.ConsumeBorrowed(func() borrower { return borrower{} })))
				c := srv.Dial("/", func(o *channels.DialOptions) {
					o.Compression.Mode = mode
					o.Limits.MessageSize = 4 << 20
				})
				for i, m := range samples() {
					if i%2 == 0 {
						if err := c.Write(t.Context(), m); err != nil {
							t.Fatal(err)
						}
					} else {
						w, err := c.Writer(t.Context(), m.Type)
						if err != nil {
							t.Fatal(err)
						}
						io.Copy(w, bytes.NewReader(m.Data))
						if err := w.Close(); err != nil {
							t.Fatal(err)
						}
					}
					var got channels.Message
					var err error
					if i%3 == 0 {
						var r io.Reader
						if got.Type, r, err = c.Reader(t.Context()); err == nil {
							got.Data, err = io.ReadAll(r)
						}
					} else {
						got, err = c.Read(t.Context())
					}
					if err != nil || got.Type != m.Type || !bytes.Equal(got.Data, m.Data) {
						t.Fatalf("message %d: sent %v, got %v, %v", i, m, got, err)
					}
				}
			})
		})
	}
}

type borrower struct{}

func (borrower) ReceiveBorrowed(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// What does not compress is sent as it is, and what comes after it refers to what was
// compressed before.
func TestNoiseIsNotCompressed(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				noise := make([]byte, 1000)
				rand.NewChaCha8([32]byte{1}).Read(noise)
				text := strings.Repeat("grüezi mitenand ", 100)
				server := quiet()
				server.Upgrader.Compression.Mode = mode
				srv := wstest.NewServer(t, server.HandlerFunc(echo))
				nc := srv.NetConn()
				io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate")+
					masked(0x81, text)+masked(0x82, string(noise))+masked(0x81, text)+masked(0x88, ""))
				all, err := io.ReadAll(nc)
				if err != nil || !bytes.Contains(all, append([]byte("\x82\x7e\x03\xe8"), noise...)) || bytes.Count(all, []byte("\xc1")) < 2 {
					t.Errorf("got %q, %v", all, err)
				}
				c := srv.Dial("/", func(o *channels.DialOptions) { o.Compression.Mode = mode })
				for _, m := range []channels.Message{channels.Text(text), channels.Binary(noise), channels.Text(text + "x"), channels.Text(text)} {
					if err := c.Write(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					if got, err := c.Read(t.Context()); err != nil || !bytes.Equal(got.Data, m.Data) {
						t.Fatalf("sent %v, got %v, %v", m, got, err)
					}
				}
			})
		})
	}
}

// A broadcast between other messages keeps the windows of both ends alike.
func TestCompressedBroadcast(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Compression.Mode = mode
				srv := wstest.NewServer(t, server.Handler(channels.Consume(func() *room { return &room{server, new(journal), "lobby"} })))
				compressed := func(o *channels.DialOptions) { o.Compression.Mode = mode }
				clients := []*wstest.Client{srv.Dial("/", compressed), srv.Dial("/", compressed), srv.Dial("/")}
				synctest.Wait()
				for i := range 20 {
					text := strings.Repeat(fmt.Sprintf("message %d of many, ", i), 10+i)
					clients[i%3].Send(text)
					for _, c := range clients {
						c.Want(text)
					}
					event := strings.Repeat("event data ", 40)
					clients[i%3].Send("event:" + event)
					for _, c := range clients {
						c.Want("note " + event)
					}
				}
			})
		})
	}
}

// F30: what inflates to more than the limit is refused, and not inflated.
func TestBomb(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			server := quiet()
			server.Upgrader.Compression.Mode = mode
			server.Upgrader.Limits.MessageSize = 64 << 10 // the compressed message is within it
			srv := wstest.NewServer(t, server.HandlerFunc(echo))
			var mib bytes.Buffer
			w, _ := flate.NewWriter(&mib, flate.BestCompression)
			w.Write(make([]byte, 1<<20))
			w.Flush()
			bomb := strings.TrimSuffix(strings.Repeat(mib.String(), 50), "\x00\x00\xff\xff")
			raw := []byte(with("Sec-WebSocket-Extensions: permessage-deflate") + masked(0xc2, bomb))
			nc := srv.NetConn()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			nc.Write(raw)
			all, _ := io.ReadAll(nc)
			runtime.ReadMemStats(&after)
			if !bytes.Contains(all, []byte("\x03\xf1message too big")) {
				t.Errorf("got %q", all)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%d bytes were allocated for a message of %d", used, len(bomb))
			}
		})
	}
}

// A message that is as large as may be is accepted however badly it was compressed:
// in stored blocks of 128 bytes, as zlib makes them of what does not compress.
func TestMessageThatGrows(t *testing.T) {
	for _, size := range []int{1 << 20, 16 << 20} {
		random := rand.NewChaCha8([32]byte{}).Uint64
		var payload, plain []byte
		for len(plain) < size {
			block := binary.LittleEndian.AppendUint64(nil, random())
			for len(block) < 128 {
				block = binary.LittleEndian.AppendUint64(block, random())
			}
			plain = append(plain, block...)
			payload = append(append(payload, 0x00, 128, 0, 127, 0xff), block...)
		}
		payload = append(payload, 0x00)
		server := quiet()
		server.Upgrader.Compression.Mode = channels.NoContextTakeover
		server.Upgrader.Limits.MessageSize = int64(size)
		got := make(chan channels.Message, 1)
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			m, err := s.Read(ctx)
			got <- m
			return err
		}))
		nc := srv.NetConn()
		defer nc.Close()
		io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate"))
		go io.WriteString(nc, masked(0xc2, string(payload)))
		if m := <-got; !bytes.Equal(m.Data, plain) {
			t.Errorf("%d bytes in %d: %d bytes came", size, len(payload), len(m.Data))
		}
	}
}

// F29: what is no DEFLATE data closes with 1007.
func TestCorruptCompression(t *testing.T) {
	for _, payload := range []string{"\xff\xff\xff", "\x00\x05\x00\x00\x00", "garbage!"} {
		synctest.Test(t, func(t *testing.T) {
			server := quiet()
			server.Upgrader.Compression.Mode = channels.NoContextTakeover
			srv := wstest.NewServer(t, server.HandlerFunc(echo))
			nc := srv.NetConn()
			io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate")+masked(0xc1, payload))
			all, _ := io.ReadAll(nc)
			if !bytes.Contains(all, []byte("\x03\xefinvalid compressed data")) {
				t.Errorf("%q: got %q", payload, all)
			}
		})
	}
}

// F21: a compressed text is refused at its first byte that is not UTF-8, or at what
// is over the limit, while the message, and even the frame, is still to end; and
// nothing of it is kept that the peer has not sent.
func TestUnfinishedCompressedText(t *testing.T) {
	packed := func(parts ...string) string {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		for _, part := range parts {
			io.WriteString(w, part)
			w.Flush()
		}
		return b.String()
	}
	frame := func(head byte, payload string, announced int) string {
		whole := masked(head, payload+strings.Repeat("x", announced-len(payload)))
		return whole[:len(whole)-announced+len(payload)]
	}
	good := packed("gr\xc3\xbcezi mitenand ", strings.Repeat("und so weiter ", 1000), "\xe2\x82")
	tests := []struct {
		name, send string
		want       channels.StatusCode
	}{
		{"in the first fragment", masked(0x41, packed("text \xff")), channels.StatusInvalidPayload},
		{"in a later fragment", masked(0x41, good[:60]) + masked(0x00, good[60:]) + masked(0x00, packed("\xff")), channels.StatusInvalidPayload},
		{"behind the first part of a rune", masked(0x41, good) + masked(0x00, packed("\x41")), channels.StatusInvalidPayload},
		{"in a frame", frame(0xc1, packed("text \xed\xa0"), 1000), channels.StatusInvalidPayload},
		{"in a frame of 64 bits", frame(0xc1, packed("text \xf5"), 100_000), channels.StatusInvalidPayload},
		{"in a fragment", masked(0x41, good) + frame(0x80, packed("\xc1"), 1000), channels.StatusInvalidPayload},
		{"no DEFLATE", masked(0x41, "\xff\xff\xff"), channels.StatusInvalidPayload},
		{"too big", masked(0x41, packed(strings.Repeat("x", 1<<20))) + masked(0x00, packed("x")), channels.StatusMessageTooBig},
	}
	for name, mode := range modes {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := quiet()
					server.Upgrader.Compression.Mode = mode
					srv := wstest.NewServer(t, server.HandlerFunc(echo))
					nc := srv.NetConn()
					defer nc.Close()
					start := time.Now()
					io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate")+tt.send)
					all, _ := io.ReadAll(nc)
					_, answer, _ := bytes.Cut(all, []byte("\r\n\r\n"))
					if len(answer) < 4 || answer[0] != 0x88 || channels.StatusCode(binary.BigEndian.Uint16(answer[2:])) != tt.want {
						t.Errorf("answered %q, want a close frame with %v", answer, tt.want)
					}
					if d := time.Since(start); d > 2*time.Second {
						t.Errorf("after %v", d)
					}
				})
			})
		}
		t.Run(name+"/what is right", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Compression.Mode = mode
				srv := wstest.NewServer(t, server.HandlerFunc(echo))
				nc := srv.NetConn()
				defer nc.Close()
				io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate"))
				send := masked(0x88, "\x03\xe8")
				for range 3 { // the second and third message find the room used
					send = masked(0x41, good) + masked(0x00, packed("\xac")) + masked(0x80, "\x00") + send
				}
				for b := range []byte(send) { // in single bytes
					nc.Write([]byte{send[b]})
				}
				all, _ := io.ReadAll(nc)
				if n := len(all); n < 4 || string(all[n-4:]) != "\x88\x02\x03\xe8" {
					t.Errorf("got %q", all)
				}
			})
		})
	}
}
