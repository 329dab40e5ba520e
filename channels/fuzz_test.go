package channels_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// naive reads a client's frames as RFC 6455 describes them, with the whole input at
// hand and no thought of speed. It returns the messages, and the close code that
// ends them: 0 when the input ends first.
func naive(b []byte, limit int) (messages []string, code channels.StatusCode) {
	var message []byte
	opcode := byte(0) // of the message that goes on
	for {
		if len(b) < 2 {
			return messages, headCode(b, opcode)
		}
		if c := headCode(b, opcode); c != 0 {
			return messages, c
		}
		fin, op := b[0]&0x80 != 0, b[0]&0x0f
		n, size := uint64(b[1]&0x7f), 2
		if n == 126 {
			if len(b) < 4 {
				return messages, 0
			}
			n, size = uint64(binary.BigEndian.Uint16(b[2:])), 4
			if n < 126 {
				return messages, channels.StatusProtocolError
			}
		} else if n == 127 {
			if len(b) > 2 && b[2]&0x80 != 0 {
				return messages, channels.StatusProtocolError
			}
			if len(b) < 10 {
				return messages, 0
			}
			n, size = binary.BigEndian.Uint64(b[2:]), 10
			if n < 65536 {
				return messages, channels.StatusProtocolError
			}
		}
		if b[1]&0x80 == 0 {
			if op >= 8 && uint64(len(b)-size) < n {
				return messages, 0 // a control frame is judged when it is complete
			}
			return messages, channels.StatusProtocolError
		}
		if len(b) < size+4 {
			return messages, 0
		}
		key := b[size : size+4]
		b = b[size+4:]
		if op < 8 {
			if op == 0 && opcode == 0 || op != 0 && opcode != 0 {
				return messages, channels.StatusProtocolError
			}
			if n > uint64(limit-len(message)) {
				return messages, channels.StatusMessageTooBig
			}
		}
		have := min(n, uint64(len(b)))
		payload := make([]byte, have)
		for i := range payload {
			payload[i] = b[i] ^ key[i%4]
		}
		if op < 8 {
			if op != 0 {
				opcode = op
			}
			message = append(message, payload...)
			if opcode == 1 && !prefixOfUTF8(message) {
				return messages, channels.StatusInvalidPayload
			}
		}
		if have < n {
			return messages, 0
		}
		b = b[n:]
		switch {
		case op == 8:
			return messages, closeAnswer(payload)
		case op < 8 && fin:
			if opcode == 1 && !utf8.Valid(message) {
				return messages, channels.StatusInvalidPayload
			}
			messages = append(messages, fmt.Sprint(opcode, " ", string(message)))
			message, opcode = nil, 0
		}
	}
}

// headCode judges the first two bytes of a frame.
func headCode(b []byte, opcode byte) channels.StatusCode {
	if len(b) == 0 {
		return 0
	}
	op := b[0] & 0x0f
	switch {
	case b[0]&0x70 != 0, op > 2 && op < 8, op > 10, op >= 8 && b[0]&0x80 == 0:
		return channels.StatusProtocolError
	case len(b) > 1 && op >= 8 && b[1]&0x7f > 125:
		return channels.StatusProtocolError
	}
	return 0
}

// prefixOfUTF8 reports whether b can become valid UTF-8.
func prefixOfUTF8(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return canBecomeRune(b)
		}
		b = b[n:]
	}
	return true
}

func canBecomeRune(b []byte) bool {
	if len(b) > 3 {
		return false
	}
	for _, tail := range []string{"\x80", "\xbf", "\x80\x80", "\xbf\xbf", "\x80\x80\x80", "\xbf\xbf\xbf", "\x9f\x80", "\xa0\x80", "\x8f\xbf\xbf", "\x90\x80\x80"} {
		if s := string(b) + tail; utf8.ValidString(s) && utf8.RuneCountInString(s) == 1 {
			return true
		}
	}
	return false
}

func closeAnswer(payload []byte) channels.StatusCode {
	if len(payload) == 0 {
		return channels.StatusNoStatus
	}
	if len(payload) == 1 {
		return channels.StatusProtocolError
	}
	code := channels.StatusCode(binary.BigEndian.Uint16(payload))
	switch {
	case !code.Sendable():
		return channels.StatusProtocolError
	case !utf8.Valid(payload[2:]):
		return channels.StatusInvalidPayload
	}
	return code
}

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
		want, code := naive(b, limit)
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

// FuzzClose compares what is made of close payloads.
func FuzzClose(f *testing.F) {
	for _, s := range []string{"", "\x03", "\x03\xe8", "\x03\xe8bye", "\x0b\xb8\xff", "\x03\xed", "\xff\xff", "\x13\x87x"} {
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
			if len(payload) >= 2 && want == channels.StatusCode(binary.BigEndian.Uint16(payload)) && ce.Reason != string(payload[2:]) {
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
