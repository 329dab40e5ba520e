package channels_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// FuzzReader compares the reader with the naive one, the input in one piece and cut
// in two.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		masked(0x81, "hello") + masked(0x88, "\x03\xe8bye"),
		masked(0x01, "h\xc3") + masked(0x89, "ping") + masked(0x80, "\xa4"),
		masked(0x82, strings.Repeat("x", 300)) + masked(0x82, strings.Repeat("y", 70000)),
		masked(0x01, "\xed\xa0"), masked(0x88, "\x03"), masked(0x88, "\x03\xed"), "\x81\x05hello",
		masked(0x02, "") + masked(0x00, "") + masked(0x80, ""), masked(0x83, ""), "\x82\xfe\x00\x05",
	} {
		f.Add([]byte(s), uint(3))
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		if len(b) > 1<<18 {
			return
		}
		want, code := naive(b, limit, true)
		for _, at := range []int{len(b), int(cut % uint(len(b)+1))} {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				server := &channels.Server{
					Logger: slog.New(slog.DiscardHandler),
					Upgrader: channels.Upgrader{Limits: channels.Limits{
						MessageSize: limit, ControlsPerSecond: -1, Fragments: -1,
					}},
				}
				done := make(chan error, 1)
				srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					for m, err := range s.Messages(ctx) {
						if err != nil {
							done <- err
							return err
						}
						got = append(got, fmt.Sprint(byte(m.Type), " ", string(m.Data)))
					}
					return nil
				}))
				nc := rawDial(t, srv)
				go io.Copy(io.Discard, nc)
				nc.Write(b[:at])
				synctest.Wait()
				nc.Write(b[at:])
				synctest.Wait()
				nc.Close()
				err := <-done
				gotCode := channels.CloseStatus(err)
				if gotCode == channels.StatusAbnormalClosure {
					gotCode = 0
				}
				if fmt.Sprint(got) != fmt.Sprint(want) || gotCode != code {
					t.Errorf("cut at %d of % x:\n\tgot  %q, %v (%v)\n\twant %q, %v", at, b, got, gotCode, err, want, code)
				}
			})
		}
	})
}

// FuzzClientReader is FuzzReader for a client, whose server masks nothing.
func FuzzClientReader(f *testing.F) {
	for _, s := range []string{
		"\x81\x05hello\x88\x05\x03\xe8bye", "\x01\x02h\xc3\x89\x04ping\x80\x01\xa4", "\x82\x7e\x01\x2c" + strings.Repeat("x", 300),
		"\x01\x02\xed\xa0", "\x88\x01\x03", "\x88\x02\x03\xed", masked(0x81, "hello"), "\x02\x00\x00\x00\x80\x00", "\x83\x00",
		"\x82\x7e\x00\x05", "\x82\x7f\x80", "\x8a\x00\x89\x7e\x00\x7e", "\xc1\x00",
	} {
		f.Add([]byte(s), uint(3))
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		if len(b) > 1<<18 {
			return
		}
		want, code := naive(b, limit, false)
		at := int(cut % uint(len(b)+1))
		server := world{"server:80": func(nc net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(nc))
			if err != nil {
				return
			}
			io.WriteString(nc, strings.ReplaceAll(accepting, "{accept}", accept(r))+string(b[:at]))
			go func() { // ends with the connection
				nc.Write(b[at:])
				nc.(interface{ CloseWrite() error }).CloseWrite()
			}()
			io.Copy(io.Discard, nc)
		}}
		c, _, err := server.dial(t, "ws://server/", channels.DialOptions{
			Limits: channels.Limits{MessageSize: limit, ControlsPerSecond: -1, Fragments: -1},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for err == nil {
			var m channels.Message
			if m, err = c.Read(t.Context()); err == nil {
				got = append(got, fmt.Sprint(byte(m.Type), " ", string(m.Data)))
			}
		}
		gotCode := channels.CloseStatus(err)
		if gotCode == channels.StatusAbnormalClosure {
			gotCode = 0
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || gotCode != code {
			t.Errorf("cut at %d of % x:\n\tgot  %q, %v (%v)\n\twant %q, %v", at, b, got, gotCode, err, want, code)
		}
	})
}

// FuzzCompressedReader sends frames, compressed or not, in one piece and in single
// bytes, to who reads messages and to who reads them in pieces: how they arrive and are
// read changes neither what is delivered nor whether the connection is failed.
func FuzzCompressedReader(f *testing.F) {
	packed := func(text string) string {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		io.WriteString(w, text)
		w.Flush()
		return b.String()
	}
	hello := packed("Hello, gr\u00fcezi, hello, hello")
	for _, s := range []string{
		masked(0xc1, hello) + masked(0xc1, hello), masked(0x41, hello[:9]) + masked(0x89, "ping") + masked(0x80, hello[9:]),
		masked(0x41, packed("text \xff")) + masked(0x80, packed("more")), masked(0x41, packed("\xe2\x82")) + masked(0x80, packed("\xac")+"\x00"),
		masked(0xc2, "\x00"), masked(0xc1, "\xff\xff"), masked(0x41, packed(strings.Repeat("x", 5000))) + masked(0x80, "\x00"),
		masked(0xc1, packed(strings.Repeat("y", 5000))), masked(0xc1, hello)[:20], masked(0x81, "plain") + masked(0x82, "\xff"),
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, takeover bool) {
		if len(b) > 1<<12 {
			return
		}
		var results []string
		for i := range 4 {
			size := []int{max(len(b), 1), 1}[i%2]
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Limits = channels.Limits{MessageSize: 4000, ControlsPerSecond: -1, Fragments: -1}
				server.Upgrader.Compression.Mode = channels.NoContextTakeover
				if takeover {
					server.Upgrader.Compression.Mode = channels.ContextTakeover
				}
				var got []string
				done := make(chan error, 1)
				take := func(m channels.Message) { got = append(got, fmt.Sprint(byte(m.Type), " ", string(m.Data))) }
				var h http.Handler = server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					for m, err := range s.Messages(ctx) {
						if err != nil {
							done <- err
							return err
						}
						take(m)
					}
					return nil
				})
				if i >= 2 {
					h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						c, err := server.Upgrader.Upgrade(w, r)
						for err == nil {
							var m channels.Message
							if m, err = readInPieces(c); err == nil {
								take(m)
							}
						}
						done <- err
					})
				}
				srv := wstest.NewServer(t, h)
				nc := srv.NetConn()
				go io.Copy(io.Discard, nc) // ends with the connection
				io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
				synctest.Wait()
				for piece := range slices.Chunk(b, size) {
					nc.Write(piece)
				}
				synctest.Wait()
				nc.Close()
				code := channels.CloseStatus(<-done)
				if code == channels.StatusMessageTooBig { // or not UTF-8, if that is found first
					code = channels.StatusInvalidPayload
				}
				results = append(results, fmt.Sprintf("%q, then %v", got, code))
			})
		}
		for i, how := range []string{"at once", "in single bytes", "at once, in pieces", "in single bytes, in pieces"} {
			if results[i] != results[0] {
				t.Errorf("takeover %t, % x:\n\tat once %s\n\t%s %s", takeover, b, results[0], how, results[i])
			}
		}
	})
}

// readInPieces reads a message by a Reader, three bytes at a time.
func readInPieces(c *channels.Conn) (channels.Message, error) {
	typ, r, err := c.Reader(c.Context())
	if err != nil {
		return channels.Message{}, err
	}
	m := channels.Message{Type: typ}
	for p := make([]byte, 3); ; {
		n, err := r.Read(p)
		m.Data = append(m.Data, p[:n]...)
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return m, err
		}
	}
}

// FuzzClose compares what is made of close payloads.
func FuzzClose(f *testing.F) {
	for _, s := range []string{"", "\x03", "\x03\xe8", "\x03\xe8bye", "\x0b\xb8\xff", "\x03\xed", "\xff\xff", "\x13\x87x", "\x03\xef\xef"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 125 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			done := make(chan error, 1)
			srv := wstest.NewServer(t, quiet().HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
				_, err := s.Read(ctx)
				done <- err
				return err
			}))
			nc := rawDial(t, srv)
			go io.WriteString(nc, masked(0x88, string(payload)))
			all, err := io.ReadAll(nc)
			nc.Close()
			if err != nil {
				t.Fatal(err)
			}
			want := closeAnswer(payload)
			got := <-done
			if channels.CloseStatus(got) != want {
				t.Fatalf("% x: %v, want %v", payload, got, want)
			}
			ce, _ := errors.AsType[*channels.CloseError](got)
			if len(payload) >= 2 && want == channels.StatusCode(binary.BigEndian.Uint16(payload)) && utf8.Valid(payload[2:]) && ce.Reason != string(payload[2:]) {
				t.Fatalf("reason %q of %q", ce.Reason, payload)
			}
			// Exactly one frame comes back: a close frame with that code.
			answer := []byte{0x88, 0}
			if want != channels.StatusNoStatus {
				answer = binary.BigEndian.AppendUint16([]byte{0x88, 2}, uint16(want))
			}
			if len(all) < len(answer) || all[0] != 0x88 || string(all[2:len(answer)]) != string(answer[2:]) || len(all) != 2+int(all[1]) {
				t.Fatalf("% x: answered % x, want % x", payload, all, answer)
			}
		})
	})
}

// FuzzHandshake sends arbitrary requests: what is accepted is a handshake by the list
// of RFC 6455, Section 4.2.1, and the answer has nothing of the client's in it but
// what was agreed on.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte(opening))
	for _, line := range []string{
		"Origin: http://localhost", "Origin: https://evil.example", "Cookie: sid=1", "Sec-WebSocket-Protocol: other, chat",
		"Sec-WebSocket-Protocol: chat, chat", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
		"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99, permessage-deflate", "Sec-WebSocket-Version: 13, 8",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==", "Connection: keep-alive, upgrade", "Upgrade: h2c", "Content-Length: 5",
		"Transfer-Encoding: chunked", "Host: evil.example", "GET http://other/ HTTP/1.1", "X-A: b\nCookie: sid=1", "-Host",
	} {
		f.Add([]byte(with(line)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		synctest.Test(t, func(t *testing.T) {
			server := quiet()
			server.Upgrader.Subprotocols = []string{"chat", "v2.chat"}
			server.Upgrader.Compression.Mode = channels.ContextTakeover
			var seen *http.Request
			h := server.HandlerFunc(func(context.Context, *channels.Socket) error { return nil })
			srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if seen == nil { // the first: another may be pipelined
					seen = r.Clone(context.Background())
				}
				h.ServeHTTP(w, r)
			}))
			nc := srv.NetConn()
			var answer []byte
			read := make(chan struct{})
			go func() { // ends with the connection
				defer close(read)
				answer, _ = io.ReadAll(nc)
			}()
			nc.Write(raw)
			synctest.Wait()
			nc.Close()
			<-read
			head, _, _ := strings.Cut(string(answer), "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				return
			}
			if why := naiveHandshake(seen); why != "" {
				t.Errorf("accepted, in spite of %s: %q", why, raw)
			}
			for _, line := range strings.Split(head, "\r\n")[1:] {
				name, value, _ := strings.Cut(line, ": ")
				switch name {
				case "Upgrade", "Connection", "Date":
				case "Sec-WebSocket-Accept":
					if value != accept(seen) {
						t.Errorf("%s for the key %q", line, seen.Header.Get("Sec-WebSocket-Key"))
					}
				case "Sec-WebSocket-Protocol":
					if value != "chat" && value != "v2.chat" || !strings.Contains(strings.Join(seen.Header["Sec-Websocket-Protocol"], ","), value) {
						t.Errorf("%s for the offer %q", line, seen.Header["Sec-Websocket-Protocol"])
					}
				case "Sec-WebSocket-Extensions":
					if !strings.HasPrefix(value, "permessage-deflate") || strings.ContainsAny(value, `",`) {
						t.Errorf("%s for the offer %q", line, seen.Header["Sec-Websocket-Extensions"])
					}
				default:
					t.Errorf("the answer has %q", line)
				}
			}
		})
	})
}
