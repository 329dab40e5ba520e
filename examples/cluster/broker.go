package main

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sluicehq/sluice/channels"
	natslayer "github.com/sluicehq/sluice/layers/nats"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

// A layer is a channels.Layer that ends.
type layer interface {
	channels.Layer
	Close() error
}

// connect is what each process does to be one of several.
func connect(kind, url string) (layer, error) {
	switch kind {
	case "nats":
		return natslayer.Connect(url, nil)
	case "redis":
		return redislayer.Connect(url, nil)
	}
	return nil, fmt.Errorf("-layer %q is neither nats nor redis", kind)
}

// A broker is one of this program's own.
type broker struct {
	url  string
	stop func()
}

// startBroker starts a NATS server inside this process, or redis-server.
func startBroker(kind, dir string) (*broker, error) {
	switch kind {
	case "nats":
		return startNATS()
	case "redis":
		return startRedis(dir)
	}
	return nil, fmt.Errorf("-layer %q is neither nats nor redis", kind)
}

func startNATS() (*broker, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	stop := func() { s.Shutdown(); s.WaitForShutdown() }
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		stop()
		return nil, errors.New("NATS does not come up")
	}
	return &broker{s.ClientURL(), stop}, nil
}

func startRedis(dir string) (*broker, error) {
	socket := filepath.Join(dir, "redis.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	detach(cmd) // Ctrl-C must not end it before the processes have said goodbye
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("redis-server is needed, or -url: %w", err)
	}
	stop := func() { cmd.Process.Kill(); cmd.Wait() }
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return &broker{"unix://" + socket, stop}, nil
		}
	}
	stop()
	return nil, errors.New("redis-server does not come up")
}
