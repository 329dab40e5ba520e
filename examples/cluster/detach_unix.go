//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach keeps a terminal's signals from a command.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
