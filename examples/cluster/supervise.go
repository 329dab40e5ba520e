package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A cluster is the program in its first role.
type cluster struct {
	options
	log      *slog.Logger
	dir      string // of the database, and what the broker has
	broker   *broker
	listener net.Listener // the proxy's
	pool     pool
}

// open prepares everything but the processes. Who calls it calls close.
func open(o options, log *slog.Logger) (c *cluster, err error) {
	c = &cluster{options: o, log: log}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.dir, err = os.MkdirTemp("", "sluice-cluster-"); err != nil {
		return nil, err
	}
	if err := createDatabase(c.database()); err != nil {
		return nil, err
	}
	if c.url == "" {
		if c.broker, err = startBroker(c.layer, c.dir); err != nil {
			return nil, err
		}
		c.url = c.broker.url
	}
	c.listener, err = net.Listen("tcp", c.options.addr)
	return c, err
}

func (c *cluster) database() string { return filepath.Join(c.dir, "chat.db") }

func (c *cluster) addr() string {
	_, port, _ := net.SplitHostPort(c.listener.Addr().String())
	return net.JoinHostPort("localhost", port)
}

func (c *cluster) close() {
	if c.listener != nil {
		c.listener.Close()
	}
	if c.broker != nil {
		c.broker.stop()
	}
	os.RemoveAll(c.dir)
}

// serve keeps the processes running, and the proxy in front of them, until ctx ends. Then
// the processes say goodbye to their sockets, which the proxy still carries.
func (c *cluster) serve(ctx context.Context) error {
	server := &http.Server{Handler: c.pool.proxy(c.log)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(c.listener) }() // ended by Shutdown

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var nodes sync.WaitGroup
	for i := range c.nodes {
		nodes.Go(func() { c.keep(ctx, fmt.Sprint("node ", i+1)) }) // ended by ctx
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		cancel()
	}
	nodes.Wait()
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return cmp.Or(err, server.Shutdown(end))
}

// keep starts a process, and another when it has ended.
func (c *cluster) keep(ctx context.Context, name string) {
	for ctx.Err() == nil {
		err := c.run(ctx, name)
		if ctx.Err() != nil {
			return
		}
		c.log.Warn("a process has ended, and is started anew in a second", "name", name, "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// run is one process, from its start to its end. It prints its address when it serves, and
// closes its output when it is about to end: from then on the proxy leaves it alone.
func (c *cluster) run(ctx context.Context, name string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "node", "-name", name, "-db", c.database(), "-layer", c.layer, "-url", c.url)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	stdin, err := cmd.StdinPipe() // it ends when this is closed: also when this process is killed
	if err != nil {
		return err
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	output := bufio.NewReader(stdout)
	if line, err := output.ReadString('\n'); err == nil {
		n := &serving{name: name, addr: strings.TrimSpace(line), process: cmd.Process}
		c.pool.add(n)
		c.log.Info("a process serves", "name", name, "pid", cmd.Process.Pid, "addr", n.addr)
		io.Copy(io.Discard, output)
		c.pool.remove(n)
	}
	if err := cmd.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
