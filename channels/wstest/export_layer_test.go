package wstest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels"
)

// LayerCases returns the names of TestLayer's subtests.
func LayerCases() (names []string) {
	for _, test := range layerCases {
		names = append(names, test.name)
	}
	return names
}

// TryLayer runs one subtest of TestLayer and returns what it reports, "" when the
// layer passes.
func TryLayer(name string, newLayer func() channels.Layer, opts *LayerOptions) string {
	for _, test := range layerCases {
		if test.name != name {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		r := &recorder{ctx: ctx}
		done := make(chan struct{})
		go func() { // ends with the subtest, by Goexit when it fails early
			defer close(done)
			newLayerSuite(opts).run(r, test, newLayer)
		}()
		<-done
		cancel()
		for i := range r.cleanups {
			r.cleanups[len(r.cleanups)-1-i]()
		}
		if !r.failed {
			return ""
		}
		return strings.Join(r.log, "\n")
	}
	panic("no such case: " + name)
}

// A recorder is a testing.TB that keeps what a test reports to itself.
type recorder struct {
	testing.TB // nil: what is not defined here must not be called
	ctx        context.Context
	cleanups   []func()

	mu     sync.Mutex
	failed bool
	log    []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Skip(args ...any)         { panic(fmt.Sprint("skipped: ", fmt.Sprint(args...))) }

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}
