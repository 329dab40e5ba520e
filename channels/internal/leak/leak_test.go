package leak_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/internal/leak"
)

// TestMain leaks when the process is one that TestMainReportsALeak has started.
func TestMain(m *testing.M) {
	if os.Getenv("LEAK_TEST") == "leak" {
		go leaked(make(chan int))
	}
	leak.Main(m)
}

func leaked(never chan int) { <-never }

func TestMainReportsALeak(t *testing.T) {
	tests := []struct {
		env  string
		code int
	}{{"leak", 1}, {"none", 0}}
	for _, test := range tests {
		t.Run(test.env, func(t *testing.T) {
			t.Parallel()
			program, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, "-test.run=TestNothingIsLeft")
			cmd.Env = append(os.Environ(), "LEAK_TEST="+test.env)
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			code := 0
			if err := cmd.Run(); err != nil {
				exit, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Fatal(err)
				}
				code = exit.ExitCode()
			}
			if code != test.code {
				t.Errorf("exit code %d, want %d; output:\n%s", code, test.code, &output)
			}
			if got, want := strings.Contains(output.String(), "leak_test.leaked("), test.code == 1; got != want {
				t.Errorf("the stack of the goroutine is reported: %t, want %t; output:\n%s", got, want, &output)
			}
		})
	}
}

func TestNothingIsLeft(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt) // starts a goroutine of the runtime, for good
	defer signal.Stop(signals)
	before := leak.Running()
	t.Run("subtest", func(t *testing.T) {
		t.Run("of subtest", func(t *testing.T) {
			if left := before.Left(0); len(left) > 0 {
				t.Errorf("goroutines of tests are called left:\n%s", strings.Join(left, "\n\n"))
			}
		})
	})
}

func TestLeft(t *testing.T) {
	stop, stopped := make(chan int), make(chan int)
	begin := func() {
		go func() { // ended by stop
			leaked(stop)
			stopped <- 1
		}()
	}
	begin()
	before := leak.Running()
	if left := before.Left(0); len(left) > 0 {
		t.Errorf("left, but there before:\n%s", strings.Join(left, "\n\n"))
	}
	begin()
	begin()
	left := before.Left(0)
	if len(left) != 2 || !strings.Contains(left[0], "leak_test.TestLeft") {
		t.Errorf("left are %d, want 2 of this test:\n%s", len(left), strings.Join(left, "\n\n"))
	}

	// One that ends in time is not left.
	time.AfterFunc(20*time.Millisecond, func() { close(stop) })
	go func() {
		for range 3 {
			<-stopped
		}
	}()
	if left := before.Left(time.Minute); len(left) > 0 {
		t.Errorf("left after all have ended:\n%s", strings.Join(left, "\n\n"))
	}
}
