package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A broker is NATS or Redis, in a process of its own, so that it can be killed.
type broker struct {
	layer   string
	dir     string
	network string // of target
	target  string // where it listens
	cmd     *exec.Cmd
	stdin   io.Closer
}

// natsMain is a NATS server: "nats". It ends when its standard input does.
func natsMain([]string) int {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		return 1
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		fmt.Fprintln(os.Stderr, "nats: it does not come up")
		return 1
	}
	fmt.Println(s.Addr())
	io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	s.WaitForShutdown()
	return 0
}

// start starts it, anew after a kill.
func (b *broker) start() error {
	if b.layer == "nats" {
		return b.startNATS()
	}
	b.network, b.target = "unix", filepath.Join(b.dir, "redis.sock")
	b.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", b.target,
		"--dir", b.dir, "--save", "", "--appendonly", "no")
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("redis-server (Debian: apt-get install redis-server): %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial(b.network, b.target); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("redis-server does not come up")
}

func (b *broker) startNATS() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	b.cmd = exec.Command(program, "nats")
	b.cmd.Stderr = os.Stderr
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the broker says nothing: %w", err)
	}
	b.network, b.target = "tcp", line[:len(line)-1]
	return nil
}

// kill ends it without giving it time for anything.
func (b *broker) kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
	if b.stdin != nil {
		b.stdin.Close()
	}
}
