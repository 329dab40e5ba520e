package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// tlsLoad holds connections over TLS open, after a message each way. It is for
// measuring memory: its own work is not cheap.
type tlsLoad struct {
	mu    sync.Mutex // guards conns
	conns []*tls.Conn
}

// dialers is how many connections are opened at a time.
const dialers = 16

func (l *tlsLoad) open(args LoadArgs) error {
	cert, err := x509.ParseCertificate(args.Cert)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}
	request := handshakeRequest(args)
	s, err := newScript(args, "")
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	errs := make([]error, dialers)
	for d := range dialers {
		group.Go(func() {
			for i := d; i < args.Conns && errs[d] == nil; i += dialers {
				errs[d] = l.dial(i, args.Addr, config, request, s)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (l *tlsLoad) dial(i int, addr string, config *tls.Config, request []byte, s script) error {
	dialer := &net.Dialer{
		Timeout:   30 * time.Second,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%sourceAddresses))},
	}
	nc, err := tls.DialWithDialer(dialer, "tcp", addr, config)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.conns = append(l.conns, nc)
	l.mu.Unlock()
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := nc.Write(request); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	head, err := readUntil(nc, buf, func(b []byte) bool { return bytes.Contains(b, []byte("\r\n\r\n")) })
	if err != nil || !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("the handshake was answered with %q, %v", head, err)
	}
	if _, err := nc.Write(s.batch(0)); err != nil {
		return err
	}
	var scan scanner
	var wrong error
	scan.collect = true
	scan.message = func(first byte, payload []byte) { wrong = s.verify(0, first, payload) }
	for scan.messages == 0 {
		n, err := nc.Read(buf)
		if err != nil {
			return err
		}
		if err := scan.scan(buf[:n]); err != nil {
			return err
		}
	}
	return errors.Join(wrong, nc.SetDeadline(time.Time{}))
}

func readUntil(nc net.Conn, buf []byte, enough func([]byte) bool) ([]byte, error) {
	n := 0
	for !enough(buf[:n]) {
		m, err := nc.Read(buf[n:])
		n += m
		if err != nil {
			return buf[:n], err
		}
	}
	return buf[:n], nil
}

// still looks for anything that has come.
func (l *tlsLoad) still() error {
	for _, nc := range l.conns {
		raw, err := nc.NetConn().(*net.TCPConn).SyscallConn()
		if err != nil {
			return err
		}
		var found error
		if err := raw.Control(func(fd uintptr) { found = silent(int(fd)) }); err != nil {
			return err
		}
		if found != nil {
			return found
		}
	}
	return nil
}

func (l *tlsLoad) hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, nc := range l.conns {
		nc.Close()
	}
	l.conns = nil
}
