//go:build !linux

package channels

// No connection sleeps here.

func (c *Conn) doze() {}

func (c *Conn) rouse() {}
