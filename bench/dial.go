package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// conn is one connection of the raw client: a socket and what is expected of it.
type conn struct {
	fd        int
	scan      scanner
	out       []byte // the part of a batch that the socket has not taken
	pong      []byte // to be sent after out
	want      int    // messages until the batch has come back, -1 between batches
	sent      int    // messages, over the life of the connection
	armed     bool   // epoll tells when the socket takes more
	extension string // as negotiated
	err       error  // found while scanning
}

// The key of every handshake and its answer (RFC 6455, Section 1.3).
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// handshakeRequest is what a browser sends.
func handshakeRequest(args LoadArgs) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", args.Path, args.Addr)
	b.WriteString("Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Upgrade: websocket\r\n")
	scheme := "http"
	if args.Cert != nil {
		scheme = "https"
	}
	fmt.Fprintf(&b, "Origin: %s://%s\r\n", scheme, args.Addr)
	b.WriteString("Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n")
	if args.Cookie != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", args.Cookie)
	}
	b.WriteString("Sec-WebSocket-Key: " + handshakeKey + "\r\n")
	if args.Deflate != deflateOff {
		b.WriteString("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// ipBindAddressNoPort leaves the choice of the port to connect, so that each
// source address has all ports for each server (ip(7); not in package syscall).
const ipBindAddressNoPort = 24

// sourceAddresses of the loopback network are used in turn: one has 28,000 ports.
const sourceAddresses = 5

// connect opens the i-th connection and sends the request.
func connect(i int, server netip.AddrPort, request []byte) (*conn, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	ok := false
	defer func() {
		if !ok {
			syscall.Close(fd)
		}
	}()
	timeout := syscall.Timeval{Sec: 30}
	if err := errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout),
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + i%sourceAddresses)}}),
	); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := syscall.Write(fd, request); err != nil {
		return nil, fmt.Errorf("write handshake: %w", err)
	}
	ok = true
	c := &conn{fd: fd, want: -1}
	c.scan.control = c.control
	return c, nil
}

// control takes a control frame: a ping is answered by the next flush.
func (c *conn) control(op byte, payload []byte) {
	switch op {
	case opPing:
		c.pong = appendFrame(nil, opPong, payload)
	case opClose:
		c.err = fmt.Errorf("the server closed: %q", payload)
	}
}

// answer reads the answer to the handshake, with buf to read into.
func (c *conn) answer(buf []byte) error {
	n := 0
	for {
		m, err := syscall.Read(c.fd, buf[n:])
		if err == syscall.EINTR { // a read with a timeout is not restarted
			continue
		}
		if err != nil {
			return fmt.Errorf("read handshake: %w", err)
		}
		if m == 0 {
			return fmt.Errorf("the server hung up after %q", buf[:n])
		}
		n += m
		head, rest, ok := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		if !ok {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(handshakeAccept)) {
			return fmt.Errorf("the handshake was answered with %q", head)
		}
		c.extension = headerLine(head, "sec-websocket-extensions")
		if err := syscall.SetNonblock(c.fd, true); err != nil {
			return err
		}
		return c.scan.scan(rest)
	}
}

// headerLine returns the value of a header, named in small letters.
func headerLine(head []byte, name string) string {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.ToLower(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// extensionParameter returns the value of a parameter of the negotiated
// extension, and whether it is there.
func extensionParameter(extension, name string) (string, bool) {
	for p := range strings.SplitSeq(extension, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if k == name {
			return strings.Trim(v, `"`), true
		}
	}
	return "", false
}

// clientWindow returns how many bytes the client's compressed messages may reach
// back (RFC 7692, Section 7.1.2), 0 for not before the message itself.
func clientWindow(extension string) int {
	if _, ok := extensionParameter(extension, "client_no_context_takeover"); ok {
		return 0
	}
	if v, ok := extensionParameter(extension, "client_max_window_bits"); ok {
		if bits, err := strconv.Atoi(v); err == nil {
			return 1 << bits
		}
	}
	return 1 << 15
}
