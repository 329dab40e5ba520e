package channels_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// guarded serves h behind a wrapper that sets a guard.
func guarded(server *channels.Server, g channels.Guard, h channels.Handler) http.Handler {
	return channels.WithScope(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope, _ := channels.ScopeFrom(r.Context())
		scope.Guard("test", g)
		server.Accept(w, r, h)
	}))
}

// A22: an idle socket and a busy one are closed at the deadline.
func TestGuardExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, start := quiet(), time.Now()
		server.Upgrader.PingInterval = -1 // the clients do not always read
		g := channels.Guard{Expires: start.Add(time.Hour)}
		srv := wstest.NewServer(t, guarded(server, g, channels.HandlerFunc(echo)))
		idle, busy := srv.Dial("/"), srv.Dial("/")
		for time.Since(start) < time.Hour-time.Second {
			busy.Send("x")
			busy.Want("x")
			time.Sleep(time.Minute)
		}
		idle.WantClose(channels.StatusUnauthorized)
		busy.WantClose(channels.StatusUnauthorized)
		if got := time.Since(start); got < time.Hour || got > time.Hour+time.Minute {
			t.Errorf("closed after %v", got)
		}
	})
}

// Each of many sockets ends at its own time, whatever becomes of the others: those at an
// even number of minutes are left alone, of the others one third each is put off by an
// hour, is to end no more, and has gone before.
func TestGuardsExpireInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, start := quiet(), time.Now()
		server.Upgrader.PingInterval = -1
		ended := make(chan int, 60)
		h := channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			var minute int
			fmt.Sscanf(s.Scope().Path(), "/%d", &minute)
			g := channels.Guard{Expires: start.Add(time.Duration(minute) * time.Minute)}
			s.Scope().Guard("test", g)
			switch minute % 6 {
			case 1:
				g.Expires = g.Expires.Add(time.Hour)
				s.Scope().Guard("test", g)
			case 3:
				s.Scope().Guard("test", channels.Guard{})
			case 5:
				return nil
			}
			<-ctx.Done()
			if late := time.Since(g.Expires); late != 0 && minute%6 != 3 {
				t.Errorf("the socket of minute %d ended %v late", minute, late)
			}
			ended <- minute
			return nil
		})
		srv := wstest.NewServer(t, server.Handler(h))
		for i := range 60 {
			srv.Dial(fmt.Sprintf("/%d", (i*37)%60+1)) // in no order
		}
		synctest.Wait()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := len(ended); got != 40 {
			t.Errorf("%d sockets have expired, want 40", got)
		}
		server.Shutdown(t.Context())
	})
}

// A28: after Disconnect has returned, nothing that came before is handled, and
// nothing that was queued is sent.
func TestDisconnectStopsBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		var handled atomic.Int32
		release := make(chan struct{})
		h := channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			if err := s.Join(ctx, "lobby"); err != nil {
				return err
			}
			for m, err := range s.Messages(ctx) {
				if err != nil {
					return err
				}
				handled.Add(1)
				if string(m.Data) == "wait" {
					<-release
				}
			}
			return nil
		})
		srv := wstest.NewServer(t, guarded(server, channels.Guard{Tags: []string{"user:1"}}, h))
		c := srv.Dial("/")
		c.Send("wait")
		synctest.Wait()
		c.Send("after") // has arrived, is not handled
		synctest.Wait()
		if err := server.Disconnect(t.Context(), "user:1", "revoked"); err != nil {
			t.Fatal(err)
		}
		server.Broadcast(t.Context(), "lobby", channels.Text("group data"))
		close(release)
		if got := c.WantClose(channels.StatusUnauthorized); got != "revoked" {
			t.Errorf("reason %q", got)
		}
		synctest.Wait()
		if got := handled.Load(); got != 1 {
			t.Errorf("%d messages were handled, want 1", got)
		}
	})
}

// A rechecker that closes whom it is told to.
type rechecker struct {
	calls  atomic.Int32
	most   atomic.Int32
	reject func(*channels.Scope) error
}

func (r *rechecker) Recheck(ctx context.Context, scopes []*channels.Scope) []error {
	r.calls.Add(1)
	r.most.Store(max(r.most.Load(), int32(len(scopes))))
	verdicts := make([]error, len(scopes))
	for i, s := range scopes {
		verdicts[i] = r.reject(s)
	}
	return verdicts
}

// A23: without a push the sockets are asked about at the interval, many at once,
// and only a definite answer closes one.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		server.Upgrader.PingInterval = -1 // the clients do not always read
		var revoked atomic.Bool
		r := &rechecker{reject: func(s *channels.Scope) error {
			switch {
			case !revoked.Load() || s.Path() == "/stay":
				return nil
			case s.Path() == "/forbidden":
				return channels.Closef(channels.StatusForbidden, "not yours")
			}
			return errors.New("gone from the database")
		}}
		g := channels.Guard{Rechecker: r, Interval: time.Minute}
		srv := wstest.NewServer(t, guarded(server, g, channels.HandlerFunc(echo)))
		var stay, leave []*wstest.Client
		for range 20 {
			stay = append(stay, srv.Dial("/stay"))
			leave = append(leave, srv.Dial("/leave"))
		}
		forbidden := srv.Dial("/forbidden")
		time.Sleep(3 * time.Minute)
		if got := r.calls.Load(); got < 2 || got > 3 {
			t.Errorf("%d rechecks in three minutes, want 2 or 3: all sockets are asked about at once", got)
		}
		revoked.Store(true)
		time.Sleep(66 * time.Second) // the interval and its jitter
		for _, c := range leave {
			if reason := c.WantClose(channels.StatusUnauthorized); reason != "" {
				t.Errorf("reason %q: an error's text is not sent", reason)
			}
		}
		if got := forbidden.WantClose(channels.StatusForbidden); got != "not yours" {
			t.Errorf("reason %q", got)
		}
		for _, c := range stay {
			c.Send("here")
			c.Want("here")
		}
		if got := r.most.Load(); got != 41 {
			t.Errorf("at most %d scopes at once, want 41", got)
		}
	})
}

// A24: what has changed is seen at once where somebody says so, on every process, and
// no other socket is asked about.
func TestRecheckNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(channels.MemoryLayer)
		var demoted atomic.Bool
		r := &rechecker{reject: func(*channels.Scope) error {
			if demoted.Load() {
				return channels.Closef(channels.StatusForbidden, "not any more")
			}
			return nil
		}}
		var servers []*channels.Server
		var ours, others []*wstest.Client
		for range 2 {
			server := quiet()
			server.Layer = layer
			servers = append(servers, server)
			for _, user := range []string{"user:1", "user:2"} {
				g := channels.Guard{Tags: []string{user}, Rechecker: r, Interval: time.Hour}
				srv := wstest.NewServer(t, guarded(server, g, channels.HandlerFunc(echo)))
				if user == "user:1" {
					ours = append(ours, srv.Dial("/"), srv.Dial("/"))
				} else {
					others = append(others, srv.Dial("/"))
				}
			}
		}
		synctest.Wait()
		start := time.Now()
		if err := servers[0].Recheck(t.Context(), "user:1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// The first server also hears what it has published itself.
		if calls, most := r.calls.Load(), r.most.Load(); calls < 2 || calls > 3 || most != 2 {
			t.Errorf("%d calls of up to %d scopes, want one of 2 on each server", calls, most)
		}
		for _, c := range ours {
			c.Send("still here")
			c.Want("still here")
		}
		demoted.Store(true)
		if err := servers[0].Recheck(t.Context(), "user:1"); err != nil {
			t.Fatal(err)
		}
		for _, c := range ours {
			if got := c.WantClose(channels.StatusForbidden); got != "not any more" {
				t.Errorf("reason %q", got)
			}
		}
		for _, c := range others {
			c.Send("still here")
			c.Want("still here")
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if err := servers[0].Recheck(t.Context(), ""); err == nil {
			t.Error("no tag is no error")
		}
		before := r.calls.Load()
		err := servers[0].Recheck(t.Context(), "user:3")
		synctest.Wait()
		if err != nil || r.calls.Load() != before {
			t.Errorf("a tag that nobody has: %v, %d calls", err, r.calls.Load()-before)
		}
	})
}

// An extender puts off the end of the sockets at /stay, and takes its time.
type extender struct {
	rechecker
	guard channels.Guard
	took  time.Duration
}

func (e *extender) Recheck(ctx context.Context, scopes []*channels.Scope) []error {
	time.Sleep(e.took)
	for _, s := range scopes {
		if s.Path() == "/stay" {
			g := e.guard
			g.Expires = time.Now().Add(time.Hour)
			s.Guard("test", g)
		}
	}
	return e.rechecker.Recheck(ctx, scopes)
}

// A22: who may put off the end of a socket is asked before it, about many at once, and
// not waited for; no other guard is overruled.
func TestGuardExtendable(t *testing.T) {
	for _, tt := range []struct {
		name      string
		took      time.Duration
		path      string
		err       error
		asks      bool // the guard is extendable
		other     bool // there is another guard, which is not
		want      time.Duration
		wantAsked int32
	}{
		{"put off", 0, "/stay", nil, true, false, 2*time.Hour + 5*time.Second, 2},
		{"put off slowly", 300 * time.Millisecond, "/stay", nil, true, false, 2*time.Hour + 5*time.Second, 2},
		{"not put off", 0, "/leave", nil, true, false, time.Hour, 1},
		{"hangs", 10 * time.Second, "/leave", nil, true, false, time.Hour + time.Second, 1},
		{"hangs, and then puts it off", 10 * time.Second, "/stay", nil, true, false, time.Hour + time.Second, 1},
		{"denied", 0, "/stay", errors.New("gone"), true, false, time.Hour, 1},
		{"not extendable", 0, "/stay", nil, false, false, time.Hour, 0},
		{"another guard is over", 0, "/stay", nil, true, true, time.Hour, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, start := quiet(), time.Now()
				server.Upgrader.PingInterval = -1
				e := &extender{took: tt.took, rechecker: rechecker{reject: func(*channels.Scope) error {
					if time.Since(start) > 90*time.Minute {
						return errors.New("it is enough")
					}
					return tt.err
				}}}
				e.guard = channels.Guard{Rechecker: e, Interval: 100 * time.Hour, Expires: start.Add(time.Hour), Extendable: tt.asks}
				h := channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					if tt.other {
						s.Scope().Guard("other", channels.Guard{Expires: start.Add(time.Hour)})
					}
					return echo(ctx, s)
				})
				srv := wstest.NewServer(t, guarded(server, e.guard, h))
				clients := []*wstest.Client{srv.Dial(tt.path), srv.Dial(tt.path), srv.Dial(tt.path)}
				for _, c := range clients {
					_, err := c.Read(t.Context())
					took := time.Since(start)
					if channels.CloseStatus(err) != channels.StatusUnauthorized || took > tt.want || took < tt.want-5*time.Second {
						t.Errorf("%v after %v, want 3000 after %v", err, took, tt.want)
					}
				}
				time.Sleep(time.Minute)
				if got := e.calls.Load(); got < tt.wantAsked || got > 3*tt.wantAsked {
					t.Errorf("asked %d times, want %d, or at most as often for each socket", got, tt.wantAsked)
				}
			})
		})
	}
}

// Guards may change while the socket is open: a tag that is gone closes nothing.
func TestGuardChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		h := channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			s.Scope().Guard("test", channels.Guard{Tags: []string{"user:2"}})
			return echo(ctx, s)
		})
		srv := wstest.NewServer(t, guarded(server, channels.Guard{Tags: []string{"user:1"}}, h))
		c := srv.Dial("/")
		c.Send("x")
		c.Want("x")
		server.Disconnect(t.Context(), "user:1", "")
		c.Send("y")
		c.Want("y")
		server.Disconnect(t.Context(), "user:2", "")
		c.WantClose(channels.StatusUnauthorized)
	})
}

// R9: connections in all, of one address, and with one tag.
func TestConnectionLimits(t *testing.T) {
	tests := []struct {
		name   string
		server func(*channels.Server)
		status int // of the third handshake; 0 when it is closed with 1008
	}{
		{"MaxSockets", func(s *channels.Server) { s.MaxSockets = 2 }, 503},
		{"MaxPerIP", func(s *channels.Server) { s.MaxPerIP = 2 }, 429},
		{"MaxPerTag", func(s *channels.Server) { s.MaxPerTag = 2 }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				tt.server(server)
				srv := wstest.NewServer(t, guarded(server, channels.Guard{Tags: []string{"user:1"}}, channels.HandlerFunc(echo)))
				a, _ := srv.Dial("/"), srv.Dial("/")
				synctest.Wait()
				if tt.status == 0 {
					srv.Dial("/").WantClose(channels.StatusPolicyViolation)
				} else if got := srv.DialRefused("/").StatusCode; got != tt.status {
					t.Errorf("status %d, want %d", got, tt.status)
				}
				a.Close()
				synctest.Wait()
				b := srv.Dial("/")
				b.Send("there is room again")
				b.Want("there is room again")
			})
		})
	}
}

// L7, L8: a scope that is printed shows no cookie, token or query value.
func TestScopeIsRedacted(t *testing.T) {
	r, _ := http.NewRequest("GET", "http://localhost/a?ticket=secret1", nil)
	r.Header.Set("Cookie", "sid=secret2")
	r.Header.Set("Authorization", "Bearer secret3")
	scope, _ := channels.EnsureScope(r)
	scope.SetValue("x", "secret4")
	for _, format := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(format, scope); strings.Contains(got, "secret") {
			t.Errorf("%s prints %s", format, got)
		}
	}
}
