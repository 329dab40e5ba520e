//go:build unix

package channels

// hold returns the descriptor of a connection that is asleep. It stays open until
// release. Without it the number may be another connection's by the time it is used.
func (c *Conn) hold() (fd uintptr, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asleep.Load() || c.shut {
		return 0, false
	}
	c.uses++
	return uintptr(c.raw.fd), true
}

// release ends what hold began, and closes the connection if that was asked for
// meanwhile.
func (c *Conn) release() {
	c.mu.Lock()
	c.uses--
	last := c.uses == 0 && c.shut
	c.mu.Unlock()
	if last {
		c.network().Close()
	}
}

// readAsleep reads what there is. It reports false when rawRead is to wait, for which
// the connection is roused.
func (c *Conn) readAsleep() bool {
	fd, ok := c.hold()
	if ok {
		ok = c.raw.read(fd)
		c.release()
	}
	if !ok {
		c.network()
	}
	return ok
}

// writeAsleep is the same for w.
func (c *Conn) writeAsleep(w *rawWriter) bool {
	fd, ok := c.hold()
	if ok {
		ok = w.try(fd)
		c.release()
	}
	if !ok {
		c.network()
	}
	return ok
}
