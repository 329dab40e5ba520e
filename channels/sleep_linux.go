package channels

import (
	"os"
	"syscall"
)

// doze gives up the net.Conn of a connection that is about to be parked, and keeps its
// descriptor, which takes 800 bytes less: a net.Conn has two addresses, and what the
// runtime needs to wait for it. Asleep, a connection is read and written without
// waiting, by hold and release. Who has to wait, or to set a deadline, rouses it.
//
// The caller is the reader. It does nothing when there is a writer, or no descriptor
// to spare, as the net.Conn's own cannot be had.
func (c *Conn) doze() {
	if c.asleep.Load() || !c.tryLockWrite() {
		return
	}
	defer c.unlockWrite()
	fd := -1
	c.raw.conn.Control(func(old uintptr) {
		dup, _, errno := syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		if errno == 0 {
			fd = int(dup)
		}
	})
	if fd < 0 {
		return
	}
	c.mu.Lock()
	if c.stopped.Load() || c.shut || c.wake && !c.parkAsked {
		c.mu.Unlock()
		syscall.Close(fd)
		return
	}
	c.parkAsked, c.wake = false, false // it may have been asked once more meanwhile
	nc := c.nc
	c.nc, c.raw.conn, c.raw.fd = nil, nil, int32(fd)
	c.asleep.Store(true)
	c.mu.Unlock()
	nc.Close() // which nobody else has: neither a reader nor a writer
}

// rouse makes the transport again of the descriptor. The caller holds mu.
func (c *Conn) rouse() {
	if !c.asleep.Load() {
		return
	}
	f := os.NewFile(uintptr(c.raw.fd), "websocket") // does not wait, as the descriptor does not
	c.nc = &roused{f}
	c.raw.conn, _ = f.SyscallConn()
	c.asleep.Store(false)
}

// A roused transport was asleep.
type roused struct{ *os.File }

func (r *roused) CloseWrite() error {
	conn, err := r.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := conn.Control(func(fd uintptr) { err = syscall.Shutdown(int(fd), syscall.SHUT_WR) }); cerr != nil {
		return cerr
	}
	return err
}
