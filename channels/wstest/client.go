package wstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// A Client is a WebSocket client in a test. Its methods fail the test when
// something else happens than they say; they are for one goroutine. The connection
// itself is there for everything else.
type Client struct {
	*channels.Conn
	tb   testing.TB
	path string
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Timeout)
}

// Send sends a text message.
func (c *Client) Send(text string) {
	c.tb.Helper()
	c.write(channels.Text(text))
}

// SendBinary sends a binary message.
func (c *Client) SendBinary(b []byte) {
	c.tb.Helper()
	c.write(channels.Binary(b))
}

// SendJSON sends v, encoded by encoding/json, as a text message.
func (c *Client) SendJSON(v any) {
	c.tb.Helper()
	m, err := channels.JSON(v)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.write(m)
}

func (c *Client) write(m channels.Message) {
	c.tb.Helper()
	ctx, cancel := within()
	defer cancel()
	if err := c.Write(ctx, m); err != nil {
		c.tb.Fatalf("%s: send %v: %v", c.path, m, err)
	}
}

// Receive returns the next message.
func (c *Client) Receive() channels.Message {
	c.tb.Helper()
	m, err := c.receive()
	if err != nil {
		c.tb.Fatalf("%s: want a message; %s", c.path, c.instead(m, err))
	}
	return m
}

func (c *Client) receive() (channels.Message, error) {
	ctx, cancel := within()
	defer cancel()
	return c.Read(ctx)
}

// instead says what came.
func (c *Client) instead(m channels.Message, err error) string {
	ce, closed := errors.AsType[*channels.CloseError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nothing came within %v", Timeout)
	case closed && ce.Code == channels.StatusAbnormalClosure:
		return "the connection was lost: " + err.Error()
	case closed:
		return fmt.Sprintf("the server closed with %v, reason %q", ce.Code, ce.Reason)
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("got %v %s", m.Type, show(m))
}

// shown is how many bytes of a message a failure shows.
const shown = 500

// show prints a message's data, cut when it is long.
func show(m channels.Message) string {
	data, rest := m.Data, ""
	if len(data) > shown {
		rest = fmt.Sprintf("… (%d bytes)", len(data))
		data = data[:shown]
	}
	return showPart(m.Type, data) + rest
}

// showPart prints JSON as it is, without a backslash before each quote.
func showPart(typ channels.MessageType, data []byte) string {
	if typ != channels.TextMessage {
		return fmt.Sprintf("% x", data)
	}
	if text := string(data); strings.Contains(text, `"`) && strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(string(data))
}

// difference says where two long messages differ, which the beginnings that are shown of
// them may not.
func difference(want, got channels.Message) string {
	if want.Type != got.Type || max(len(want.Data), len(got.Data)) <= shown {
		return ""
	}
	i := 0
	for i < min(len(want.Data), len(got.Data)) && want.Data[i] == got.Data[i] {
		i++
	}
	part := func(m channels.Message) string {
		if i == len(m.Data) {
			return "the end"
		}
		return showPart(m.Type, m.Data[i:min(i+20, len(m.Data))])
	}
	return fmt.Sprintf("; they differ from byte %d on: want %s, got %s", i, part(want), part(got))
}

// Want receives the next message, which must be this text.
func (c *Client) Want(text string) {
	c.tb.Helper()
	c.want(channels.Text(text))
}

// WantBinary receives the next message, which must be binary and be b.
func (c *Client) WantBinary(b []byte) {
	c.tb.Helper()
	c.want(channels.Binary(b))
}

func (c *Client) want(want channels.Message) {
	c.tb.Helper()
	got, err := c.receive()
	if err != nil || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) {
		c.tb.Fatalf("%s: want %v %s; %s%s", c.path, want.Type, show(want), c.instead(got, err), difference(want, got))
	}
}

// WantJSON receives the next message, which must be text and, as JSON, mean the
// same as want does when it is encoded: the order of keys does not matter.
func (c *Client) WantJSON(want any) {
	c.tb.Helper()
	m, err := channels.JSON(want)
	if err != nil {
		c.tb.Fatal(err)
	}
	got, err := c.receive()
	if err != nil || got.Type != channels.TextMessage || !sameJSON(got.Data, m.Data) {
		c.tb.Fatalf("%s: want JSON %s; %s", c.path, m.Data, c.instead(got, err))
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// ReceiveJSON receives the next message into v.
func (c *Client) ReceiveJSON(v any) {
	c.tb.Helper()
	m := c.Receive()
	if err := json.Unmarshal(m.Data, v); err != nil {
		c.tb.Fatalf("%s: want JSON for a %T; got %v %s: %v", c.path, v, m.Type, show(m), err)
	}
}

// WantClose waits for the server to close with code, and returns the reason.
// [channels.StatusAbnormalClosure] is a connection lost without a close frame.
func (c *Client) WantClose(code channels.StatusCode) (reason string) {
	c.tb.Helper()
	m, err := c.receive()
	ce, ok := errors.AsType[*channels.CloseError](err)
	if !ok || ce.Code != code {
		c.tb.Fatalf("%s: want the server to close with %v; %s", c.path, code, c.instead(m, err))
	}
	return ce.Reason
}

// WantNothing waits for d, more than 0, in which nothing may come. In a bubble of
// testing/synctest that takes no time, and a second is as good as any.
func (c *Client) WantNothing(d time.Duration) {
	c.tb.Helper()
	if d <= 0 {
		c.tb.Fatalf("%s: WantNothing(%v) waits for nothing: want more than 0", c.path, d)
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	m, err := c.Read(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		c.tb.Fatalf("%s: want nothing for %v; %s", c.path, d, c.instead(m, err))
	}
}

// Close closes with 1000 and waits until the server has closed, too.
func (c *Client) Close() {
	c.tb.Helper()
	if err := c.Conn.Close(channels.StatusNormalClosure, ""); err != nil {
		c.tb.Fatalf("%s: close: %v", c.path, err)
	}
}
