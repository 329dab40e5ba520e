package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A process is a server, from its start to its end.
type process struct {
	name  string // "server 2, the 3rd"
	addr  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	tells chan told
	ended chan struct{}

	before leftover // when it had opened nothing
	ready  leftover // when all was open, and there was no socket

	mu     sync.Mutex
	killed time.Time // when it got SIGKILL, or zero
}

// startServer returns when the server listens.
func startServer(name, layer, broker string, stderr io.Writer) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, tells: make(chan told, 4), ended: make(chan struct{})}
	p.cmd = exec.Command(program, "server", layer, broker)
	p.cmd.Stderr = stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which closed waits for
		defer close(p.ended)
		defer close(p.tells)
		for d := json.NewDecoder(stdout); ; {
			var t told
			if d.Decode(&t) != nil {
				break
			}
			p.tells <- t
		}
		p.cmd.Wait()
	}()
	first, ok := <-p.tells
	if !ok {
		<-p.ended
		return nil, fmt.Errorf("%s ended before it listened: %v", name, p.cmd.ProcessState)
	}
	p.addr, p.before, p.ready = first.Addr, *first.Before, *first.Ready
	return p, nil
}

// kill ends it without giving it time for anything.
func (p *process) kill() {
	p.mu.Lock()
	p.killed = time.Now()
	p.mu.Unlock()
	p.cmd.Process.Kill()
	p.wait()
}

func (p *process) killedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// idle asks it to count when all sockets should have gone.
func (p *process) idle() (leftover, error) {
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		return leftover{}, err
	}
	t, ok := <-p.tells
	if !ok || t.Idle == nil {
		return leftover{}, fmt.Errorf("%s does not count", p.name)
	}
	return *t.Idle, nil
}

// retire asks it to end, as a deploy does, and returns what it then has left.
func (p *process) retire() (leftover, error) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	t, ok := <-p.tells
	p.wait()
	if !ok || t.After == nil || !p.cmd.ProcessState.Success() {
		return leftover{}, fmt.Errorf("%s did not end well: %v", p.name, p.cmd.ProcessState)
	}
	return *t.After, nil
}

func (p *process) wait() {
	<-p.ended
	p.stdin.Close()
}

// died reports whether it has ended.
func (p *process) died() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
