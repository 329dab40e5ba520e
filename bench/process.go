package main

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"time"
)

// roleEnv tells a process of this program what it is: "server", "client", or,
// when it is not set, the one that starts the others and does the sums.
const roleEnv = "SLUICE_BENCH_ROLE"

// runRole serves calls on the standard input until it ends, which it does at the
// latest when the process that started this one is gone.
func runRole(role string) error {
	calls := rpc.NewServer()
	var end func() error
	switch role {
	case "server":
		s := new(Server)
		end = s.close
		calls.Register(s)
	case "client":
		c := new(Client)
		end = c.close
		calls.Register(c)
	default:
		return fmt.Errorf("no such role: %q", role)
	}
	calls.ServeConn(stdio{os.Stdin, os.Stdout})
	return end()
}

// stdio is the two ends of a process, or of its standard streams, as one.
type stdio struct {
	io.ReadCloser
	out io.WriteCloser
}

func (s stdio) Write(b []byte) (int, error) { return s.out.Write(b) }

func (s stdio) Close() error { return errors.Join(s.ReadCloser.Close(), s.out.Close()) }

// A process is another process of this program.
type process struct {
	cmd   *exec.Cmd
	calls *rpc.Client
}

// startProcess runs this program in a role.
func startProcess(role string, procs int) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleEnv+"="+role, fmt.Sprintf("GOMAXPROCS=%d", procs))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd, rpc.NewClient(stdio{out, in})}, nil
}

// callTimeout bounds every call: no round takes nearly as long.
const callTimeout = 5 * time.Minute

func (p *process) call(method string, args, reply any) error {
	call := p.calls.Go(method, args, reply, make(chan *rpc.Call, 1))
	timer := time.NewTimer(callTimeout)
	defer timer.Stop()
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("%s: %w", method, call.Error)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: no answer after %v", method, callTimeout)
	}
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	p.calls.Close() // its input ends, and with it the process
	kill := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	return p.cmd.Wait()
}
