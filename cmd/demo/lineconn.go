package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/channels"
)

const maxLine = 4096 // bytes, of what a terminal sends

// A lineConn is a terminal as the chat's consumer sees it: each line that is
// typed becomes the JSON message that a browser would send, and each JSON
// message a line. It is a channels.MessageConn.
type lineConn struct {
	conn net.Conn
	in   *bufio.Reader

	// What was written last: of use to Write alone.
	people   []string
	caughtUp int  // the newest message that came with the welcome
	welcomed bool // nothing is shown before the welcome, which has it all
}

func newLineConn(conn net.Conn) *lineConn {
	return &lineConn{conn: conn, in: bufio.NewReaderSize(conn, maxLine)}
}

// Read returns the next line that says something. "/quit", or the end of what the
// terminal sends, says goodbye. When the connection is to end, the server sees to
// it that reading does.
func (c *lineConn) Read(context.Context) (channels.Message, error) {
	for {
		line, err := c.readLine()
		switch {
		case err == io.EOF || err == nil && line == "/quit":
			return channels.JSON(fromClient{Bye: true})
		case err != nil:
			return channels.Message{}, err
		case line != "":
			return channels.JSON(fromClient{Text: line})
		}
	}
}

// readLine returns the next line, trimmed, as valid UTF-8.
func (c *lineConn) readLine() (string, error) {
	line, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", channels.Closef(channels.StatusMessageTooBig, "a line has at most %d bytes", maxLine)
	case err == io.EOF && len(line) > 0: // the last line needs no end
	case err != nil:
		return "", err
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD")), nil
}

// ask prints a question and returns the line that answers it.
func (c *lineConn) ask(ctx context.Context, question string) (string, error) {
	if err := c.print(ctx, question); err != nil {
		return "", err
	}
	return c.readLine()
}

// Write shows one of the chat's messages.
func (c *lineConn) Write(ctx context.Context, m channels.Message) error {
	var text strings.Builder
	if err := c.render(&text, m.Data); err != nil {
		return err
	}
	return c.print(ctx, text.String())
}

// Close says why it is over.
func (c *lineConn) Close(_ channels.StatusCode, reason string) error {
	return c.print(context.Background(), "* "+printable(cmp.Or(reason, "goodbye"))+"\n")
}

// print writes text as it is, until ctx ends.
func (c *lineConn) print(ctx context.Context, text string) error {
	if text == "" {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := io.WriteString(c.conn, text)
	return err
}

// render writes the lines for one message: what was said, who came and went.
func (c *lineConn) render(w io.Writer, data []byte) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "welcome":
		return renderAs(data, func(m welcome) {
			fmt.Fprintf(w, "* Welcome to %s, %s. /quit leaves.\n", m.Room, m.User)
			for _, s := range m.Messages {
				renderSaid(w, s)
				c.caughtUp = s.ID
			}
			c.welcomed = true
		})
	case "message":
		return renderAs(data, func(s said) {
			if c.welcomed && s.ID > c.caughtUp {
				renderSaid(w, s)
			}
		})
	case "presence":
		return renderAs(data, func(p presence) {
			if !slices.Equal(p.People, c.people) {
				c.people = p.People
				fmt.Fprintf(w, "* Here: %s\n", strings.Join(p.People, ", "))
			}
		})
	case "error":
		return renderAs(data, func(e complaint) { fmt.Fprintf(w, "* %s\n", printable(e.Text)) })
	}
	return nil // a kind that is for pages only
}

func renderAs[T any](data []byte, render func(T)) error {
	var m T
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	render(m)
	return nil
}

func renderSaid(w io.Writer, s said) {
	fmt.Fprintf(w, "[%s] %s: %s\n", s.Time.Local().Format("15:04"), s.User, printable(s.Text))
}

// printable makes text fit one line of a terminal: what would move its cursor,
// colour it, or turn the reading direction around becomes a space.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
