package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"sync"
	"time"
)

// A pool has the processes that take requests.
type pool struct {
	mu   sync.Mutex
	list []*serving
	next int // counts up; modulo the length of list, whose turn it is
}

// A serving is a process that takes requests.
type serving struct {
	name    string
	addr    string
	process *os.Process
}

func (p *pool) add(n *serving) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, n)
}

func (p *pool) remove(n *serving) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(m *serving) bool { return m == n })
}

// turns returns the processes, beginning with the one whose turn it is.
func (p *pool) turns() []*serving {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.list) == 0 {
		return nil
	}
	p.next++
	first := p.next % len(p.list)
	return append(slices.Clone(p.list[first:]), p.list[:first]...)
}

// dial connects to the process whose turn it is or, when that is dead, to the next.
func (p *pool) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: time.Second}
	err := errors.New("no process serves")
	for _, n := range p.turns() {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, n.addr); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// proxy passes requests on, each to another process: with a session store and a layer
// between them nobody need be sent where they were before. The Host stays what the browser
// said, which the checks of the origin compare with.
func (p *pool) proxy(log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "node"
			r.SetXForwarded()
		},
		Transport: &http.Transport{DialContext: p.dial, DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Warn("a request was not answered", "path", r.URL.Path, "error", err)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Nobody can answer at the moment.", http.StatusServiceUnavailable)
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
