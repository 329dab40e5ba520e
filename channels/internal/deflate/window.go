package deflate

// keptByCompress is how much history Compress uses. On JSON messages of 1.1 KB it
// makes the ratio 2.75 instead of 2.15; 8 KiB would make it 2.94 and 32 KiB 3.12, at
// twice and three times the time. With a window of 4 KiB for the other direction, a
// connection keeps less than 8 KB. It is a size class of the allocator.
const keptByCompress = 3456

// A Window is one direction of a connection: how far its compressed messages may
// refer back, and, with context takeover, the plain bytes they may refer to. A nil
// Window and the zero Window are 32 KiB without context takeover.
type Window struct {
	// Bits is the base-2 logarithm of the size in bytes, 8 to 15: what
	// server_max_window_bits or client_max_window_bits has said. 0 is 15.
	Bits uint8

	// Takeover tells that a message may refer to those before it. Up to 3,456 bytes
	// are kept of what was compressed, and up to the window's size of what was
	// decompressed, allocated as messages come.
	Takeover bool

	history []byte
}

func (w *Window) size() int {
	if w == nil || w.Bits == 0 {
		return maxWindow
	}
	return 1 << w.Bits
}

func (w *Window) past() []byte {
	if w == nil {
		return nil
	}
	return w.history
}

// Add tells a Window of Compress what the peer was sent that was compressed with
// another one: a broadcast, which is compressed once. Without context takeover it
// does nothing.
func (w *Window) Add(message []byte) {
	w.keep(message, keptByCompress)
}

// keep adds to the history, of which at most limit bytes are kept.
func (w *Window) keep(p []byte, limit int) {
	if w == nil || !w.Takeover {
		return
	}
	limit = min(limit, w.size())
	p = p[max(0, len(p)-limit):]
	old := w.history[max(0, len(w.history)+len(p)-limit):]
	n := len(old) + len(p)
	if n > cap(w.history) {
		w.history = make([]byte, 0, min(limit, max(n, 2*cap(w.history))))
	}
	w.history = w.history[:n]
	copy(w.history, old)
	copy(w.history[len(old):], p)
}
