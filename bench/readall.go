package main

import (
	"io"
	"time"
)

// writeWait is how long a broadcast waits for one client: as in gorilla's chat.
const writeWait = 10 * time.Second

// readAll reads r to its end into the space of buf, and returns what it read.
// The echo loops of the peers use it, so that no message costs an allocation.
func readAll(buf []byte, r io.Reader) ([]byte, error) {
	buf = buf[:0]
	if cap(buf) == 0 {
		buf = make([]byte, 0, 512)
	}
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, len(buf))...)[:len(buf)]
		}
	}
}
