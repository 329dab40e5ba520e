package groupbench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// clientsOf is the variable of the environment that makes a test program the clients of
// a benchmark: "n url".
const clientsOf = "SLUICE_GROUPBENCH_CLIENTS"

// Main is the TestMain of a package that calls [Run]: it runs the tests, or is what the
// benchmark starts this program for once more.
func Main(m *testing.M) {
	n, url, ok := strings.Cut(os.Getenv(clientsOf), " ")
	if !ok {
		wstest.Main(m)
		return
	}
	if err := beClients(n, url); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

// beClients connects n times. Each time all have a message its number is printed, until
// the standard input ends.
func beClients(n, url string) error {
	number, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	var count atomic.Int64
	var readers sync.WaitGroup
	var conns []*channels.Conn
	defer func() {
		for _, conn := range conns {
			conn.CloseNow()
		}
		readers.Wait()
	}()
	ctx := context.Background()
	for range number {
		conn, _, err := channels.Dial(ctx, url, nil)
		if err != nil {
			return err
		}
		conns = append(conns, conn)
		if _, err := conn.Read(ctx); err != nil { // "joined"
			return err
		}
		readers.Go(func() { // ended by CloseNow
			for {
				m, err := conn.Read(ctx)
				if err != nil {
					return
				}
				if count.Add(1)%int64(number) == 0 {
					fmt.Println(binary.BigEndian.Uint64(m.Data))
				}
			}
		})
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// clients are the process of the clients.
type clients struct {
	b      *testing.B
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

func startClients(b *testing.B, url string, n int) *clients {
	b.Helper()
	program, err := os.Executable()
	must(b, err)
	c := &clients{b: b, cmd: exec.Command(program)}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", clientsOf, n, url))
	c.cmd.Stderr = os.Stderr
	c.stdin, err = c.cmd.StdinPipe()
	must(b, err)
	stdout, err := c.cmd.StdoutPipe()
	must(b, err)
	must(b, c.cmd.Start())
	c.stdout = bufio.NewReader(stdout)
	if line := c.line(); line != "ready" {
		b.Fatalf("the clients say %q", line)
	}
	return c
}

func (c *clients) line() string {
	line, err := c.stdout.ReadString('\n')
	must(c.b, err)
	return strings.TrimSpace(line)
}

// next waits until all have a message, and returns its number.
func (c *clients) next() uint64 {
	n, err := strconv.ParseUint(c.line(), 10, 64)
	must(c.b, err)
	return n
}

func (c *clients) stop() {
	c.stdin.Close()
	c.cmd.Wait()
}
