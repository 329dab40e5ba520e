package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"time"
)

// A wave is storm, calm, verdict.
const (
	storm = 8 * time.Second

	// What is lost is to be announced within 10 s of reconnection, which itself takes
	// up to 3 s once it is possible again.
	calm = 13 * time.Second

	// A message that was sent so long before the verdict has arrived, if it does.
	onTheWay = 3 * time.Second
)

// A trouble is something that goes wrong; it is over when happen returns.
type trouble struct {
	name   string
	happen func(s *soaking, r *rand.Rand)
}

var troubles = []trouble{
	{"connections broken", func(s *soaking, r *rand.Rand) {
		s.anyProxy(r).Break()
	}},
	{"connections cut for a while", func(s *soaking, r *rand.Rand) {
		restore := s.anyProxy(r).Cut()
		time.Sleep(upTo(r, 4*time.Second))
		restore()
	}},
	{"connections held up, and then broken", func(s *soaking, r *rand.Rand) {
		p := s.anyProxy(r)
		release := p.Hold()
		time.Sleep(upTo(r, 3*time.Second))
		p.Break()
		release()
	}},
	{"connections held up for a while", func(s *soaking, r *rand.Rand) {
		release := s.anyProxy(r).Hold()
		time.Sleep(upTo(r, 3*time.Second))
		release()
	}},
	{"a connection broken in a message", func(s *soaking, r *rand.Rand) {
		s.anyProxy(r).Halve()
	}},
	{"connections delayed for a while", func(s *soaking, r *rand.Rand) {
		p := s.anyProxy(r)
		p.Delay(upTo(r, 50*time.Millisecond))
		time.Sleep(upTo(r, 4*time.Second))
		p.Delay(0)
	}},
	{"broker killed", func(s *soaking, r *rand.Rand) {
		s.killBroker(upTo(r, 2*time.Second))
	}},
	{"server killed", func(s *soaking, r *rand.Rand) {
		s.replace(r.IntN(len(s.proxies)), func(p *process) { p.kill() })
	}},
	{"server retired, as in a deploy", func(s *soaking, r *rand.Rand) {
		s.replace(r.IntN(len(s.proxies)), func(p *process) {
			after, err := p.retire()
			if err != nil {
				s.judge.accuse("%v", err)
				return
			}
			s.wantNothingLeft(p, after)
		})
	}},
}

func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// wave lets one to four of them happen, waits, and judges.
func (s *soaking) wave(ctx context.Context) {
	var under sync.WaitGroup
	only := regexp.MustCompile(s.only)
	possible := slices.DeleteFunc(slices.Clone(troubles), func(t trouble) bool { return !only.MatchString(t.name) })
	for range 1 + s.random.IntN(4) {
		f := possible[s.random.IntN(len(possible))]
		r := rand.New(rand.NewPCG(s.random.Uint64(), 0))
		under.Go(func() {
			pause(ctx, upTo(r, storm))
			if ctx.Err() != nil {
				return
			}
			s.log("%s", f.name)
			s.count(f.name, 1)
			f.happen(s, r)
		})
	}
	pause(ctx, storm)
	under.Wait()
	pause(ctx, calm)
	s.verdict()
}

// verdict is what a wave ends with.
func (s *soaking) verdict() {
	s.judge.judge(time.Now().Add(-onTheWay))
	s.log("judged: %s", s.judge.summary())
}

// killBroker ends the broker, and starts it anew a moment later.
func (s *soaking) killBroker(gone time.Duration) {
	s.brokers.Lock() // one at a time
	defer s.brokers.Unlock()
	s.broker.kill()
	time.Sleep(gone)
	if err := s.broker.start(); err != nil {
		s.judge.accuse("the broker: %v", err)
		return
	}
	for _, p := range s.proxies {
		p.Retarget(s.broker.target)
	}
}

// replace ends a server, and starts another in its place.
func (s *soaking) replace(i int, end func(*process)) {
	s.slots[i].Lock() // one at a time
	defer s.slots[i].Unlock()
	s.mu.Lock()
	p := s.servers[i]
	s.servers[i] = nil
	s.mu.Unlock()
	if p == nil {
		return
	}
	if p.died() {
		s.judge.accuse("%s ended by itself: %v", p.name, p.cmd.ProcessState)
	} else {
		end(p)
	}
	if err := s.startServer(i); err != nil {
		s.judge.accuse("%v", err)
	}
}

func (s *soaking) wantNothingLeft(p *process, after leftover) {
	s.mu.Lock()
	s.leftovers = append(s.leftovers, fmt.Sprintf("%s: %s before, %s after", p.name, p.before, after))
	s.mu.Unlock()
	if after.over(p.before) {
		s.judge.accuse("%s has left something over: %s before, %s after", p.name, p.before, after)
	}
}
