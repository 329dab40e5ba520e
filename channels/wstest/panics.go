package wstest

import (
	"net/http"
	"runtime/debug"
	"sync"
	"testing"
)

// panics tells a test what its handler panicked with. All that the client sees is that
// the connection ends, and net/http's log is not the test's.
type panics struct {
	tb   testing.TB
	mu   sync.Mutex // guards over, and that nothing is logged once it is set
	over bool
}

// around returns a handler whose panics are logged, and go on to net/http.
func (p *panics) around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v != http.ErrAbortHandler {
				p.log(r, v, debug.Stack())
			}
			panic(v)
		}()
		h.ServeHTTP(w, r)
	})
}

func (p *panics) log(r *http.Request, v any, stack []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.tb.Logf("%s %s: panic in the handler: %v\n%s", r.Method, r.URL.Path, v, stack)
	}
}

// end waits for what is being logged: a test that is over must not be written to.
func (p *panics) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}
