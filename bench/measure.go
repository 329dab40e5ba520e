package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// A plan is how much is measured.
type plan struct {
	rounds     int            // of a scenario that is measured in CPU
	memRounds  int            // of one that is measured in memory
	roundCPU   time.Duration  // of the server, in one round
	maxConns   int            // bounds the connections of every scenario
	inTable    map[*group]int // how many scenarios make a table complete
	libraries  func(name string) bool
	profileDir string
	log        io.Writer
}

// describe says how a group was measured.
func (p plan) describe(g *group) string {
	how := fmt.Sprintf("rounds of about %v CPU: %d", p.roundCPU, p.rounds)
	if g == idleGroup {
		how = fmt.Sprintf("rounds: %d", p.memRounds)
	}
	if n := p.inTable[g]; n < g.size() {
		how = fmt.Sprintf("%d of %d rows (-short); %s", n, g.size(), how)
	}
	return how
}

// A result is what one library did in one scenario. Each slice has a value per
// round, per operation.
type result struct {
	library library
	cost    []float64 // µs of CPU, or bytes of memory
	allocs  []float64
	bytes   []float64 // allocated
	wire    []float64 // received by the client
	heap    []float64 // memory: heap in use
	stack   []float64 // memory: stacks
}

// measure runs a scenario: every round measures every library once, A B C A B C,
// so that what disturbs the machine disturbs all, and ratios are of neighbours.
func (p plan) measure(s scenario) ([]*result, error) {
	s.load.Conns = min(s.load.Conns, p.maxConns)
	var results []*result
	for _, l := range s.subjects() {
		if p.libraries(l.name) {
			results = append(results, &result{library: l})
		}
	}
	if s.kind == memory {
		return results, p.measureMemory(s, results)
	}
	pairs := make([]*pair, len(results))
	defer func() {
		for _, pr := range pairs {
			if pr != nil {
				pr.stop()
			}
		}
	}()
	for i, r := range results {
		pr, err := p.openPair(s, r.library)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.name, r.library.name, err)
		}
		pairs[i] = pr
		if err := pr.calibrate(p.roundCPU); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.name, r.library.name, err)
		}
	}
	for n := range p.rounds {
		for i := range results {
			// Each round begins with another library: nobody is always the first
			// after the pause, nor always after the same neighbour's caches.
			at := (i + n) % len(results)
			if err := pairs[at].round(results[at]); err != nil {
				return nil, fmt.Errorf("%s, %s, round %d: %w", s.name, results[at].library.name, n, err)
			}
		}
	}
	return results, nil
}

// A pair is a server and its client, each a process.
type pair struct {
	scenario scenario
	server   *process
	client   *process
	idle     Mark // what a measurement of nothing costs
	ops      int  // in a round
}

func (p plan) openPair(s scenario, l library) (_ *pair, err error) {
	pr := &pair{scenario: s}
	defer func() {
		if err != nil {
			pr.stop()
		}
	}()
	if pr.server, err = startProcess("server", 1); err != nil {
		return nil, err
	}
	var at Started
	if err = pr.server.call("Server.Start", StartArgs{l.name, s.opt}, &at); err != nil {
		return nil, err
	}
	if pr.client, err = startProcess("client", 2); err != nil {
		return nil, err
	}
	load := s.load
	load.Addr, load.Cert, load.Path, load.Cookie = at.Addr, at.Cert, at.Path, at.Cookie
	if s.kind == memory {
		warm := load
		warm.Conns = min(50, load.Conns)
		if err = pr.open(warm); err != nil {
			return nil, err
		}
		if err = pr.hang(); err != nil {
			return nil, err
		}
		pr.scenario.load = load
		return pr, nil
	}
	if err = pr.open(load); err != nil {
		return nil, err
	}
	if l.parks {
		if err = pr.server.call("Server.Settle", settled, new(int)); err != nil {
			return nil, fmt.Errorf("the connections are not parked: %w", err)
		}
	}
	if p.profileDir != "" {
		name := strings.NewReplacer("/", "-", " ", "-").Replace(s.name+" "+l.name) + ".pprof"
		if err = pr.server.call("Server.Profile", filepath.Join(p.profileDir, name), new(Nothing)); err != nil {
			return nil, err
		}
	}
	return pr, nil
}

func (pr *pair) open(load LoadArgs) error { return pr.client.call("Client.Open", load, new(Traffic)) }

func (pr *pair) hang() error { return pr.client.call("Client.Hang", Nothing{}, new(Nothing)) }

func (pr *pair) stop() {
	if pr.client != nil {
		pr.client.stop() // an error here comes after what was to be known
	}
	if pr.server != nil {
		pr.server.stop()
	}
}

func (pr *pair) mark() (m Mark, err error) {
	err = pr.server.call("Server.Mark", Nothing{}, &m)
	return m, err
}

// calibrate finds out what two marks cost with nothing between them, and how many
// operations fill a round.
func (pr *pair) calibrate(roundCPU time.Duration) error {
	for i := range 5 {
		a, err := pr.mark()
		if err != nil {
			return err
		}
		b, err := pr.mark()
		if err != nil {
			return err
		}
		if d := b.sub(a); i == 0 || d.CPU < pr.idle.CPU {
			pr.idle = d
		}
	}
	pr.ops = 1
	for {
		used, ops, _, err := pr.work()
		if err != nil {
			return err
		}
		perOp := max(used.CPU, time.Microsecond) / time.Duration(ops)
		want := max(1, int(roundCPU/max(perOp, 1)))
		if pr.scenario.kind == handshakes {
			want = min(want, maxHandshakes)
		}
		// A first guess from a cold start is high: grow step by step.
		if want <= pr.ops*5/4 || pr.ops >= want {
			pr.ops = want
			return nil
		}
		pr.ops = min(want, max(pr.ops*16, 256))
	}
}

// maxHandshakes of a round are open at its end.
const maxHandshakes = 2000

// work does one round and returns what the server used, and for how many.
func (pr *pair) work() (used Mark, ops int, t Traffic, err error) {
	before, err := pr.mark()
	if err != nil {
		return used, 0, t, err
	}
	if pr.scenario.kind == handshakes {
		ops = pr.ops
		err = pr.client.call("Client.Handshakes", ops, new(Nothing))
		time.Sleep(2 * time.Millisecond) // the last handlers return
	} else {
		err = pr.client.call("Client.Round", pr.ops, &t)
		ops = t.Messages
	}
	if err != nil {
		return used, 0, t, err
	}
	after, err := pr.mark()
	if err != nil {
		return used, 0, t, err
	}
	used = after.sub(before)
	used.CPU -= pr.idle.CPU
	used.Mallocs -= min(used.Mallocs, pr.idle.Mallocs)
	used.Bytes -= min(used.Bytes, pr.idle.Bytes)
	if pr.scenario.kind == handshakes {
		err = pr.settle()
	}
	return used, ops, t, err
}

// settle closes what a round of handshakes opened, and waits for the server.
func (pr *pair) settle() error {
	if err := pr.hang(); err != nil {
		return err
	}
	return pr.server.call("Server.Settle", settled, new(int))
}

// settled is more than what a server runs without connections, or when all are
// parked: the accept loop, the calls, a hub, what belongs to the runtime.
const settled = 16

func (pr *pair) round(r *result) error {
	used, ops, t, err := pr.work()
	if err != nil {
		return err
	}
	n := float64(ops)
	r.cost = append(r.cost, float64(used.CPU.Nanoseconds())/1000/n)
	r.allocs = append(r.allocs, float64(used.Mallocs)/n)
	r.bytes = append(r.bytes, float64(used.Bytes)/n)
	r.wire = append(r.wire, float64(t.Bytes)/n)
	return nil
}

// measureMemory measures each library in a fresh process per round.
func (p plan) measureMemory(s scenario, results []*result) error {
	for n := range p.memRounds {
		for _, r := range results {
			if err := p.memoryRound(s, r); err != nil {
				return fmt.Errorf("%s, %s, round %d: %w", s.name, r.library.name, n, err)
			}
		}
	}
	return nil
}

func (p plan) memoryRound(s scenario, r *result) error {
	pr, err := p.openPair(s, r.library)
	if err != nil {
		return err
	}
	defer pr.stop()
	if err := pr.server.call("Server.Settle", settled, new(int)); err != nil {
		return err
	}
	var before, after Memory
	if err := pr.server.call("Server.Memory", Nothing{}, &before); err != nil {
		return err
	}
	if err := pr.open(pr.scenario.load); err != nil {
		return err
	}
	if r.library.parks {
		if err := pr.server.call("Server.Settle", settled, new(int)); err != nil {
			return fmt.Errorf("the connections are not parked: %w", err)
		}
	}
	if err := pr.server.call("Server.Memory", Nothing{}, &after); err != nil {
		return err
	}
	// A server that was so slow that it began to ping, or hung up, is not measured.
	if err := pr.client.call("Client.Still", Nothing{}, new(Nothing)); err != nil {
		return err
	}
	n := float64(s.load.Conns)
	r.cost = append(r.cost, float64(after.RSS-before.RSS)/n)
	r.heap = append(r.heap, float64(after.Heap-before.Heap)/n)
	r.stack = append(r.stack, float64(after.Stack-before.Stack)/n)
	return nil
}
