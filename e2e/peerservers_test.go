package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
)

// startPeer starts a peer as a server, and returns its address. It ends with the
// test, when its input does.
func startPeer(t *testing.T, command []string) string {
	t.Helper()
	peer := exec.Command(command[0], append(slices.Clone(command[1:]), "serve", "-")...)
	log := &recorder{}
	peer.Stderr = log
	stdin, err := peer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := peer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := peer.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the server says:\n%s", log)
		}
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server has not printed its port: %v", err)
	}
	return "ws://127.0.0.1:" + strings.TrimSpace(port) + "/"
}

// Dial is a client of servers that others wrote: text, binary, nothing, 16 MiB,
// fragments, compressed or not, and close codes both ways.
func TestPeersServe(t *testing.T) {
	modes := map[string]channels.CompressionMode{
		"uncompressed":     channels.NoCompression,
		"without takeover": channels.NoContextTakeover,
		"with takeover":    channels.ContextTakeover,
	}
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			url := startPeer(t, peer.command)
			for name, mode := range modes {
				t.Run(name, func(t *testing.T) {
					askPeer(t, url, mode)
				})
			}
		})
	}
}

func askPeer(t *testing.T, url string, mode channels.CompressionMode) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	dial := func() *channels.Conn {
		t.Helper()
		opts := &channels.DialOptions{
			Compression:  channels.Compression{Mode: mode},
			Limits:       channels.Limits{MessageSize: 16 << 20},
			PingInterval: -1, // a peer in Python takes seconds to unmask 16 MiB
		}
		c, resp, err := channels.Dial(ctx, url, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		if agreed := resp.Header.Get("Sec-WebSocket-Extensions"); (agreed != "") != (mode != channels.NoCompression) {
			t.Errorf("the server agreed to %q", agreed)
		}
		return c
	}
	c := dial()
	want := func(m channels.Message) {
		t.Helper()
		if got, err := c.Read(ctx); err != nil || got.Type != m.Type || !bytes.Equal(got.Data, m.Data) {
			t.Fatalf("%v of %d bytes came back as %v of %d, %v", m.Type, len(m.Data), got.Type, len(got.Data), err)
		}
	}
	var messages []channels.Message
	for _, text := range []string{"hello", "", "grüße 🌊", strings.Repeat("grüezi mitenand, ", 50_000)} {
		messages = append(messages, channels.Text(text))
	}
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		noise := make([]byte, n)
		rand.Read(noise)
		messages = append(messages, channels.Text(strings.Repeat("x", n)), channels.Binary(noise))
	}
	messages = append(messages, channels.Binary(make([]byte, 16<<20)))
	for _, m := range messages {
		if err := c.Write(ctx, m); err != nil {
			t.Fatal(err)
		}
		want(m)
	}
	w, err := c.Writer(ctx, channels.TextMessage) // in fragments
	if err != nil {
		t.Fatal(err)
	}
	var whole string
	for i := range 3 {
		part := strings.Repeat(fmt.Sprint("part ", i, " of three, "), 10_000)
		whole += part
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want(channels.Text(whole))
	if err := c.Close(channels.StatusNormalClosure, "done"); err != nil {
		t.Error(err)
	}

	for _, code := range []channels.StatusCode{1000, 3000, 4001, 4999} {
		c := dial() // the server closes
		if err := c.Write(ctx, channels.Text(fmt.Sprintf("close %d", code))); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(ctx); channels.CloseStatus(err) != code {
			t.Errorf("ordered to close with %d it ended with %v", code, err)
		}
	}
}
