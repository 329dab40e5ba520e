package channels_test

import (
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// An observer notes what it is told.
type observer struct{ journal }

func (o *observer) Opened(s *channels.Socket) { o.add("opened " + s.Scope().Path()) }

func (o *observer) Closed(s *channels.Socket, code channels.StatusCode, cause error) {
	if cause == nil {
		cause = fmt.Errorf("no cause")
	}
	o.add(fmt.Sprintf("closed %s %d %d", s.Scope().Path(), code, channels.CloseStatus(cause)))
}

func (o *observer) Refused(r *http.Request, err *channels.HandshakeError) {
	o.add(fmt.Sprintf("refused %s %d", r.URL.Path, err.Status))
}

func (o *observer) Dropped(s *channels.Socket, n int) {
	o.add(fmt.Sprintf("dropped %s %d", s.Scope().Path(), n))
}

func (o *observer) Gap(group string, missed int) { o.add(fmt.Sprintf("gap %s %d", group, missed)) }

// What happens to connections is counted, and the observer told.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := quiet(), new(observer)
		server.Observer, server.MaxSockets = o, 3
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			if err := s.Join(ctx, "lobby"); err != nil {
				return err
			}
			return echo(ctx, s)
		}))
		dial := func(path string) *wstest.Client {
			defer synctest.Wait() // the server has opened it
			return srv.Dial(path)
		}
		normal, lost, failed := dial("/normal"), dial("/lost"), dial("/failed")
		srv.DialRefused("/full")
		synctest.Wait()
		if got := server.Stats(); got.Sockets != 3 || got.Groups != 1 || got.BytesIn != 0 || got.BytesOut != 0 {
			t.Errorf("with three sockets: %v", got)
		}
		normal.Send("0123456789")
		normal.Want("0123456789")
		synctest.Wait()
		// A frame has 2 bytes of header, a client's 4 more of masking key.
		if got := server.Stats(); got.BytesIn != 16 || got.BytesOut != 12 {
			t.Errorf("%d bytes in and %d out, want 16 and 12", got.BytesIn, got.BytesOut)
		}
		normal.Conn.Close(4000, "")
		synctest.Wait()
		lost.CloseNow()
		synctest.Wait()
		failed.Send("fail")
		failed.WantClose(channels.StatusInternalError)
		failed.CloseNow()
		synctest.Wait()
		srv.DialRefused("/origin", func(o *channels.DialOptions) { o.Origin = "https://evil.example" })
		synctest.Wait()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		srv.DialRefused("/late")
		got := server.Stats()
		want := channels.Stats{
			Opened: 3,
			Closed: map[channels.StatusCode]uint64{4000: 1, channels.StatusAbnormalClosure: 1, channels.StatusInternalError: 1},
			Refused: map[string]uint64{
				"503 too many connections":        1,
				"403 the Origin is not allowed":   1,
				"503 the server is shutting down": 1,
			},
			BytesIn:  got.BytesIn,
			BytesOut: got.BytesOut,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// 16 and 12, and close frames: of 4 bytes, masked of 8; "fail" masked of 10.
		if got.BytesIn < 16+8+10 || got.BytesOut < 12+4 || got.BytesIn > 16+8+10+8 || got.BytesOut > 12+4+4 {
			t.Errorf("%d bytes in and %d out", got.BytesIn, got.BytesOut)
		}
		told := "opened /normal opened /lost opened /failed refused /full 503 closed /normal 4000 4000 closed /lost 1006 1006 " +
			"closed /failed 1011 1011 refused /origin 403 refused /late 503"
		if diff := cmp.Diff(told, o.String()); diff != "" {
			t.Errorf("the observer (-want +got):\n%s", diff)
		}
		var decoded channels.Stats
		if err := json.Unmarshal([]byte(got.String()), &decoded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, decoded); diff != "" {
			t.Errorf("as JSON and back (-want +got):\n%s", diff)
		}
	})
}

func TestStatsOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGapTest(t)
		server, o := g.all[0], new(observer)
		server.Observer = o // it is not looked at before the first gap
		g.layer.set(to(lose, "b", "c"))
		g.publish(g.server(), "a", "b", "c", "d")
		time.Sleep(10 * time.Second)
		g.layer.back()
		synctest.Wait()
		if got := server.Stats(); got.Gaps != 2 || got.Missed != 2 {
			t.Errorf("%d gaps of %d messages, want 2 of 2: one is of an unknown number", got.Gaps, got.Missed)
		}
		if got, want := o.String(), "gap lobby 2 gap lobby -1"; got != want {
			t.Errorf("the observer was told %q, want %q", got, want)
		}
		g.close()
	})
}

var publish sync.Once // as the name is taken for good

// Package expvar registers a handler with http.DefaultServeMux, so it is left to the
// application to import it.
// L6: whoever comes, and with whatever, no name, token or path is what something is
// counted by.
func TestStatsNameNobody(t *testing.T) {
	server := quiet()
	srv := wstest.NewServer(t, guarded(server, channels.Guard{Tags: []string{"user:SECRET"}}, channels.HandlerFunc(echo)))
	for _, raw := range []string{
		with("Origin: https://SECRET.example"), with("Cookie: SECRET=SECRET"), with("Sec-WebSocket-Protocol: SECRET SECRET"),
		with("Sec-WebSocket-Version: SECRET"), with("Authorization: Basic SECRET", "X-User: SECRET"),
	} {
		ask(t, srv, raw)
	}
	c := srv.Dial("/SECRET?ticket=SECRET")
	c.Send("SECRET")
	c.Want("SECRET")
	server.Disconnect(t.Context(), "user:SECRET", "SECRET")
	c.WantClose(channels.StatusUnauthorized)
	shown := server.Stats().String()
	if strings.Contains(shown, "SECRET") || !strings.Contains(shown, "403") {
		t.Errorf("the statistics are %s", shown)
	}
}

func ExampleServer_Stats() {
	srv := &channels.Server{Logger: slog.New(slog.DiscardHandler)}
	publish.Do(func() {
		expvar.Publish("sluice", expvar.Func(func() any { return srv.Stats() }))
	})

	fmt.Println(expvar.Get("sluice"))
	// Output:
	// {"Sockets":0,"Parked":0,"Groups":0,"QueuedMessages":0,"QueuedBytes":0,"Opened":0,"Closed":{},"Refused":{},"BytesIn":0,"BytesOut":0,"Dropped":0,"Gaps":0,"Missed":0}
}
