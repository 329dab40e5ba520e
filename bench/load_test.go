package main

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveOnce accepts one connection, answers its handshake and leaves it to serve.
// It returns the address, and a channel that is closed when serve has returned.
func serveOnce(t *testing.T, serve func(net.Conn)) (addr string, done chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	done = make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(10 * time.Second))
		if err := floorHandshake(nc); err != nil {
			t.Error(err)
			return
		}
		serve(nc)
	}()
	return l.Addr().String(), done
}

// openLoad opens one connection of the raw client.
func openLoad(t *testing.T, addr string) *load {
	t.Helper()
	l, err := newLoad(LoadArgs{Addr: addr, Path: "/ws", InFlight: 1, Size: 5, Text: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.hang)
	if err := l.open(1); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadAnswersPingsBetweenRounds(t *testing.T) {
	pong := make(chan []byte, 1)
	addr, done := serveOnce(t, func(nc net.Conn) {
		nc.Write([]byte{finBit | opPing, 2, 'h', 'i'})
		b := make([]byte, 64)
		n, _ := nc.Read(b)
		pong <- b[:n]
	})
	l := openLoad(t, addr)
	for answered := false; !answered; {
		select {
		case <-done:
			answered = true
		default:
			l.poll(10, nil) // an error is the end of the connection
		}
	}
	if got, want := string(<-pong), string(appendFrame(nil, opPong, []byte("hi"))); got != want {
		t.Errorf("the ping was answered with %q, want %q", got, want)
	}
}

func TestLoadNamesWhatIsWrong(t *testing.T) {
	reply := func(frames ...byte) func(net.Conn) {
		return func(nc net.Conn) {
			nc.Read(make([]byte, 64))
			nc.Write(frames)
		}
	}
	right := []byte{finBit | opText, 5, 'T', 'h', 'e', ' ', 'q'}
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"another payload", reply(finBit|opText, 5, 'T', 'h', 'e', ' ', 'Q'), "came back changed"},
		{"another type", reply(finBit|opBinary, 5, 'T', 'h', 'e', ' ', 'q'), "first byte 0x82"},
		{"a message too many", reply(append(right, right...)...), "2 messages where 1 were expected"},
		{"a close frame", reply(finBit|opClose, 2, 3, 0xF3), "the server closed"},
		{"the end", reply(), "hung up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, done := serveOnce(t, tt.serve)
			l := openLoad(t, addr)
			_, err := l.check()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check: %v, want an error with %q", err, tt.want)
			}
			<-done
		})
	}
}

func TestSilent(t *testing.T) {
	speak, quit := make(chan bool), make(chan bool)
	addr, done := serveOnce(t, func(nc net.Conn) {
		if <-speak {
			nc.Write([]byte{finBit | opPing, 0})
		}
		<-quit
	})
	l := openLoad(t, addr)
	if err := l.still(); err != nil {
		t.Errorf("nothing was sent: %v", err)
	}
	speak <- true
	for err := error(nil); err == nil; { // the test's own deadline ends it
		if err = l.still(); err != nil && !strings.Contains(err.Error(), "sent something") {
			t.Errorf("a ping was sent: %v", err)
		}
	}
	close(quit)
	<-done
}

func TestHandshakeThatIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		if nc, err := l.Accept(); err == nil {
			nc.Read(make([]byte, 4096))
			nc.Write([]byte("HTTP/1.1 403 Forbidden\r\n\r\n"))
			nc.Close()
		}
	})
	c, err := newLoad(LoadArgs{Addr: l.Addr().String(), Path: "/ws", InFlight: 1, Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer c.hang()
	if err := c.open(1); err == nil || !strings.Contains(err.Error(), "403 Forbidden") {
		t.Errorf("open: %v, want an error with the status", err)
	}
}
