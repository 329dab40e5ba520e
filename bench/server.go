package main

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is what the process of a server under test offers over its standard
// input and output, by net/rpc.
type Server struct {
	profile *os.File
}

// StartArgs choose the server.
type StartArgs struct {
	Library string
	Options options
}

// Started says where it is.
type Started struct {
	Addr string
	Cert []byte // DER, when it serves TLS

	Path   string // of the handshake
	Cookie string // to be sent with it, if any
}

// Nothing is an argument or a result that says nothing.
type Nothing struct{}

// Start builds the server and serves on a free port.
func (s *Server) Start(args StartArgs, reply *Started) error {
	lib, err := findLibrary(args.Library)
	if err != nil {
		return err
	}
	svc, err := lib.open(args.Options)
	if err != nil {
		return fmt.Errorf("%s: %w", lib.name, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	reply.Addr = l.Addr().String()
	reply.Path, reply.Cookie = cmp.Or(svc.path, "/ws"), svc.cookie
	if args.Options.TLS {
		cert, err := selfSigned()
		if err != nil {
			return err
		}
		reply.Cert = cert.Certificate[0]
		l = tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{cert},
			NextProtos:   []string{"http/1.1"},
		})
	}
	// Both serve until the process ends.
	if svc.handler != nil {
		srv := &http.Server{Handler: svc.handler, ErrorLog: log.New(io.Discard, "", 0)}
		go srv.Serve(l)
	} else {
		go serveConns(l, svc.conn)
	}
	return nil
}

func serveConns(l net.Listener, serve func(net.Conn)) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		go serve(nc)
	}
}

// A Mark is what the process has used so far.
type Mark struct {
	CPU     time.Duration // user and system
	Mallocs uint64        // objects allocated
	Bytes   uint64        // bytes allocated
}

func (m Mark) sub(n Mark) Mark {
	return Mark{m.CPU - n.CPU, m.Mallocs - n.Mallocs, m.Bytes - n.Bytes}
}

// Mark reads the accounts. What reading costs is found by reading twice.
func (s *Server) Mark(_ Nothing, reply *Mark) error {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return err
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	reply.CPU = time.Duration(use.Utime.Nano() + use.Stime.Nano())
	reply.Mallocs, reply.Bytes = mem.Mallocs, mem.TotalAlloc
	return nil
}

// Memory is what the process holds.
type Memory struct {
	RSS        int64 // resident set, bytes
	Heap       int64 // heap in use
	Stack      int64
	Goroutines int
}

// Memory collects three times, so that pools are empty, gives what is free back
// to the system and reads what is left.
func (s *Server) Memory(_ Nothing, reply *Memory) error {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return errors.New("/proc/self/statm has no second field")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return err
	}
	reply.RSS = pages * int64(os.Getpagesize())
	reply.Heap, reply.Stack = int64(mem.HeapInuse), int64(mem.StackInuse)
	reply.Goroutines = runtime.NumGoroutine()
	return nil
}

// Settle waits until at most n goroutines are left: the connections of a round
// have ended. It gives up after 10 seconds.
func (s *Server) Settle(n int, reply *int) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		*reply = runtime.NumGoroutine()
		if *reply <= n {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d goroutines are left, want at most %d", *reply, n)
		}
	}
}

// Profile begins a CPU profile into the named file.
func (s *Server) Profile(path string, _ *Nothing) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	s.profile = f
	return pprof.StartCPUProfile(f)
}

// close ends the profile, if there is one.
func (s *Server) close() error {
	if s.profile == nil {
		return nil
	}
	pprof.StopCPUProfile()
	return s.profile.Close()
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
