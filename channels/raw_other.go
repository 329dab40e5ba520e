//go:build !unix

package channels

import "errors"

// rawIO is not available here: everything goes by net.Conn.
type rawIO struct{ ok, nowait bool }

func (c *Conn) initRaw() {}

func (c *Conn) pollable() bool { return false }

func (c *Conn) rawRead() (int, error) { return 0, errors.ErrUnsupported }

func (c *Conn) rawWrite([]byte, bool) (int, error) { return 0, errors.ErrUnsupported }
