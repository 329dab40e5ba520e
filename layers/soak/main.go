// Soak runs three server processes for ten minutes, with thousands of sockets in
// hundreds of groups, kills and cuts what connects them, and judges what the clients
// get: every message comes in order, or is announced as a gap within 10 s of
// reconnection. At the end no goroutine and no descriptor may be left over.
//
//	go run .                              # over NATS, then over Redis
//	go run . -layer nats -for 30s -sockets 300
//
// It prints a report, and exits with 1 when something promised was broken.
//
// The clients number what they say, and this program, which is all the clients, knows
// who was in which group when: the judge (judge.go) uses nothing that the library says
// about itself, but the gaps. Faults come in waves (faults.go): 8 s in which servers and
// the broker are killed and connections are cut, held, halved and delayed by a proxy
// between each server and the broker, then 13 s of calm, and the verdict.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the command line's.
type options struct {
	layer    string
	duration time.Duration
	servers  int
	sockets  int
	groups   int
	rate     int
	seed     uint64
	only     string
	verbose  bool
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			os.Exit(role(os.Args[2:]))
		}
	}
	var o options
	layers := flag.String("layer", "nats,redis", "the `layers` to try, one after the other")
	flag.DurationVar(&o.duration, "for", 10*time.Minute, "how long each takes")
	flag.IntVar(&o.servers, "servers", 3, "server processes")
	flag.IntVar(&o.sockets, "sockets", 3000, "clients")
	flag.IntVar(&o.groups, "groups", 200, "groups, of which each client is in three")
	flag.IntVar(&o.rate, "rate", 100, "messages a second, in all")
	flag.Uint64Var(&o.seed, "seed", 0, "of what is chosen at random; 0 takes another each time")
	flag.StringVar(&o.only, "only", "", "only faults whose name this `pattern` finds: held|killed")
	flag.BoolVar(&o.verbose, "v", false, "show what the servers log")
	flag.Parse()
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := 0
	for layer := range strings.SplitSeq(*layers, ",") {
		o.layer = layer
		r, err := soak(ctx, o)
		if err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			os.Exit(2)
		}
		fmt.Print(r)
		if r.broken > 0 {
			code = 1
		}
	}
	os.Exit(code)
}

// roles are what a process of this program can be, beside the one that starts the
// others, by its first argument. What a role returns is its exit code.
var roles = map[string]func(args []string) int{
	"server": serverMain,
	"nats":   natsMain,
}

// soak is one run.
func soak(ctx context.Context, o options) (*report, error) {
	if err := warm(); err != nil {
		return nil, err
	}
	before := count()
	s, err := start(o)
	if err != nil {
		return nil, err
	}
	defer s.end()
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	s.end()
	r := s.report()
	r.leftover("the clients and proxies", before, settled(before))
	return r, nil
}
