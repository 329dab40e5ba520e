package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

const limit = 1 << 20

func TestGorillaServer(t *testing.T) {
	t.Parallel() // most of the time goes into waiting
	up := gorilla.Upgrader{EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}
	judgeServer(t, "gorilla-server.txt", func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		echoGorilla(c)
	})
}

func echoGorilla(c *gorilla.Conn) error {
	defer c.Close()
	c.SetReadLimit(limit)
	for {
		kind, b, err := c.ReadMessage()
		if err != nil {
			return err
		}
		if err := c.WriteMessage(kind, b); err != nil {
			return err
		}
	}
}

func TestCoderServer(t *testing.T) {
	t.Parallel() // most of the time goes into waiting
	judgeServer(t, "coder-server.txt", func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionContextTakeover})
		if err != nil {
			return
		}
		echoCoder(context.Background(), c)
	})
}

func echoCoder(ctx context.Context, c *coder.Conn) error {
	defer c.CloseNow()
	c.SetReadLimit(limit)
	for {
		kind, b, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, kind, b); err != nil {
			return err
		}
	}
}

// gwsEcho is the handler of a gws connection.
type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnPing(c *gws.Conn, payload []byte) { c.WritePong(payload) }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	c.WriteMessage(m.Opcode, m.Bytes())
}

func TestGWSServer(t *testing.T) {
	t.Parallel() // most of the time goes into waiting
	up := gws.NewUpgrader(gwsEcho{}, &gws.ServerOption{
		CheckUtf8Enabled:   true,
		ReadMaxPayloadSize: limit,
		PermessageDeflate:  gws.PermessageDeflate{Enabled: true},
		Logger:             quiet{},
	})
	judgeServer(t, "gws-server.txt", func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		echoGWS(c)
	})
}

// echoGWS reads until the connection has ended. It ends with a panic when a length
// has its most significant bit set.
func echoGWS(c *gws.Conn) (err error) {
	defer c.NetConn().Close()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	c.ReadLoop()
	return nil
}

// quiet logs nothing: that connections fail is what the suite is about.
type quiet struct{}

func (quiet) Error(...any) {}

// Sluice itself, by its public API alone.
func TestSluiceServer(t *testing.T) {
	srv := &channels.Server{
		Upgrader: channels.Upgrader{Limits: channels.Limits{MessageSize: limit, ControlsPerSecond: -1}, Logger: slog.New(slog.DiscardHandler)},
		Logger:   slog.New(slog.DiscardHandler),
	}
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	echo := srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		for m, err := range s.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := s.Send(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	wstest.TestServer(t, wstest.Target{Handler: echo}, &wstest.Conformance{MessageLimit: limit, CaseTimeout: time.Minute})
}

func judgeServer(t *testing.T, deviations string, echo http.HandlerFunc) {
	wstest.TestServer(t, wstest.Target{Handler: echo}, &wstest.Conformance{
		MessageLimit:       limit,
		RequireCompression: true,
		CaseTimeout:        patience,
		Deviations:         load(t, deviations),
	})
}
