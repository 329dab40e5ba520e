package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluicehq/sluice/layers/internal/faults"
)

// A soaking is a run: the broker, a proxy and a server for each place, and the clients.
type soaking struct {
	options
	judge   *judge
	byName  map[string]*group
	random  *rand.Rand // of the waves
	dir     string
	logs    io.WriteCloser
	started time.Time
	ended   bool

	brokers sync.Mutex // held while the broker is replaced
	broker  broker
	proxies []*faults.Proxy
	slots   []sync.Mutex // each held while its server is replaced

	mu        sync.Mutex // guards what follows
	servers   []*process // nil: being replaced
	begun     []int      // how many servers there have been, for each slot
	counts    map[string]int
	leftovers []string
}

// start starts everything but the clients.
func start(o options) (*soaking, error) {
	s := &soaking{
		options: o,
		judge:   newJudge(o.groups),
		byName:  map[string]*group{},
		random:  rand.New(rand.NewPCG(o.seed, 0)),
		slots:   make([]sync.Mutex, o.servers),
		servers: make([]*process, o.servers),
		begun:   make([]int, o.servers),
		counts:  map[string]int{},
		started: time.Now(),
	}
	for _, g := range s.judge.groups {
		s.byName[g.name] = g
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "sluice-soak-"); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *soaking) open() error {
	s.logs = nopCloser{os.Stderr}
	if !s.verbose {
		file, err := os.Create(filepath.Join(s.dir, "servers.log"))
		if err != nil {
			return err
		}
		s.logs = file
	}
	s.broker = broker{layer: s.layer, dir: s.dir}
	if err := s.broker.start(); err != nil {
		return err
	}
	for range s.servers {
		p, err := faults.NewProxy(s.broker.network, s.broker.target)
		if err != nil {
			return err
		}
		s.proxies = append(s.proxies, p)
	}
	for i := range s.servers {
		if err := s.startServer(i); err != nil {
			return err
		}
	}
	return nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// startServer puts a server into slot i.
func (s *soaking) startServer(i int) error {
	s.mu.Lock()
	s.begun[i]++
	name := fmt.Sprintf("server %d.%d", i+1, s.begun[i])
	s.mu.Unlock()
	p, err := startServer(name, s.layer, s.proxies[i].Addr(), s.logs)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.servers[i] = p
	s.mu.Unlock()
	return nil
}

// run has the clients come, lets waves of faults happen until the time is over, and has
// the clients go.
func (s *soaking) run(ctx context.Context) error {
	over, end := context.WithCancel(ctx)
	defer end()
	var clients, work sync.WaitGroup
	all := make([]*client, s.sockets)
	for i := range all {
		all[i] = s.newClient(i)
		clients.Go(func() { // ended by end
			pause(over, time.Duration(i)*5*time.Millisecond)
			all[i].run(over)
		})
	}
	pause(ctx, time.Duration(s.sockets)*5*time.Millisecond+2*time.Second)
	s.log("%d sockets, %d groups, seed %d", s.count("connected", 0), s.groups, s.seed)

	stop, silence := context.WithCancel(over)
	defer silence()
	for i := range talkers {
		work.Go(func() { s.talk(stop, all, i) })
	}
	for begun := time.Now(); time.Since(begun) < s.duration && ctx.Err() == nil; {
		s.wave(ctx)
	}
	silence()
	work.Wait()
	pause(ctx, onTheWay+time.Second)
	s.verdict()
	end()
	clients.Wait()
	s.retireAll()
	return context.Cause(ctx)
}

func (s *soaking) newClient(i int) *client {
	c := &client{soak: s, name: fmt.Sprint("client", i), wanted: map[*group]bool{}, memberships: map[*group]place{}}
	for len(c.wanted) < min(groupsEach, s.groups) {
		c.wanted[s.anyGroup()] = true
	}
	return c
}

// talkers is how many goroutines have the clients talk; each has its own groups.
const talkers = 4

// talk has clients say something, and go from group to group. In each group the same
// three speak, so that one is heard often.
func (s *soaking) talk(ctx context.Context, all []*client, i int) {
	tick := time.NewTicker(time.Second * burst * talkers / time.Duration(s.rate))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		g := rand.IntN((s.groups-i+talkers-1)/talkers)*talkers + i
		all[(g*3+rand.IntN(3))%len(all)].say(ctx, s.judge.groups[g])
		all[rand.IntN(len(all))].wander(ctx)
	}
}

// retireAll ends the servers, which have nobody left.
func (s *soaking) retireAll() {
	for i, p := range s.servers {
		if p == nil || p.died() {
			s.judge.accuse("there is no server %d at the end", i+1)
			continue
		}
		idle, err := p.idle()
		if err == nil && idle.over(p.ready) {
			s.judge.accuse("%s has left over, when all sockets have gone: %s before the first, %s after the last", p.name, p.ready, idle)
		}
		after, e := p.retire()
		s.servers[i] = nil
		if err != nil || e != nil {
			s.judge.accuse("%s: %v, %v", p.name, err, e)
			continue
		}
		s.mu.Lock()
		s.leftovers = append(s.leftovers, fmt.Sprintf("%s: %s when all is open and nobody there, %s after the last socket", p.name, p.ready, idle))
		s.mu.Unlock()
		s.wantNothingLeft(p, after)
	}
}

// end ends what is left, however far start came.
func (s *soaking) end() {
	if s.ended {
		return
	}
	s.ended = true
	for _, p := range s.servers {
		if p != nil {
			p.kill()
		}
	}
	for _, p := range s.proxies {
		p.Close()
	}
	if s.broker.cmd != nil {
		s.broker.kill()
	}
	if s.logs != nil {
		s.logs.Close()
	}
	if s.judge.broken == 0 {
		os.RemoveAll(s.dir)
	}
}

func (s *soaking) anyProxy(r *rand.Rand) *faults.Proxy { return s.proxies[r.IntN(len(s.proxies))] }

func (s *soaking) anyGroup() *group { return s.judge.groups[rand.IntN(len(s.judge.groups))] }

func (s *soaking) group(name string) *group { return s.byName[name] }

// pick returns a server at random, or nil when that place is empty.
func (s *soaking) pick() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.servers[rand.IntN(len(s.servers))]
}

// count adds n to what is counted under a name, and returns the sum.
func (s *soaking) count(name string, n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name] += n
	return s.counts[name]
}

func (s *soaking) log(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%7.1fs %s\n", time.Since(s.started).Seconds(), fmt.Sprintf(format, args...))
}
