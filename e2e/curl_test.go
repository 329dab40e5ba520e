package e2e_test

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The greeting of the echo behind the gate, for somebody who is not logged in.
const curlGreeting = `{"user":null,"kwargs":{"name":"curl"}}`

// curl reads a message from a ws:// address. One that cannot (Debian's 7.88) asks
// for the upgrade as it would for any resource, and gets RFC 6455, Section 1.3: the
// answer to the key of its example, and a frame.
func TestCurl(t *testing.T) {
	d := startDemo(t)
	url := d.URL + "ws/echo/curl/"
	protocols := regexp.MustCompile(`(?m)^Protocols:.*\bws\b`)
	if protocols.MatchString(run(t, nil, "curl", "--version")) {
		got := readUntil(t, curlGreeting, "curl", "-sN", d.socketURL("/ws/echo/curl/"))
		if !strings.HasSuffix(got, curlGreeting) {
			t.Errorf("curl printed %q, want %q", got, curlGreeting)
		}
		return
	}
	t.Log("this curl has no ws://")
	got := readUntil(t, curlGreeting, "curl", "-siN", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
		"-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", url)
	head, frames, _ := strings.Cut(got, "\r\n\r\n")
	for _, line := range []string{"HTTP/1.1 101 ", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="} {
		if !strings.Contains(head, line) {
			t.Errorf("no %q in\n%s", line, head)
		}
	}
	if want := "\x81" + string(rune(len(curlGreeting))) + curlGreeting; frames != want {
		t.Errorf("behind it came %q, want %q", frames, want)
	}
}

// readUntil runs a program until it has printed something that ends with text, and
// returns all that it has printed.
func readUntil(t *testing.T, text, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	program := exec.CommandContext(ctx, name, args...)
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer program.Wait()
	defer cancel() // it would go on for as long as the connection
	var printed strings.Builder
	for r := bufio.NewReader(io.TeeReader(out, &printed)); !strings.HasSuffix(printed.String(), text); {
		if _, err := r.ReadByte(); err != nil {
			t.Fatalf("%s printed %q, and then: %v", name, printed.String(), err)
		}
	}
	return printed.String()
}
