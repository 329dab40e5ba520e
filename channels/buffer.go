package channels

import "sync"

const (
	// readBuffer is what one read takes: 16 pipelined messages of 4 KiB, or one of 64
	// KiB with its header, come in one system call and are not copied. A connection
	// has such a buffer only while data is there.
	readBuffer = 68 << 10

	// deepBuffer is what a read takes after one that filled its buffer. A socket that is
	// emptied faster is given a larger window by the kernel (net.ipv4.tcp_rmem): with 16
	// messages of 64 KiB in flight the server takes 0.65 to 0.8 of the time that it takes
	// with readBuffer alone, where it has to make room by acknowledgements for the client.
	deepBuffer = 4 * readBuffer

	// writeBuffer is what one write takes of messages that are sent together; at
	// 4 KiB a message one write of 64 KiB costs 0.6 of four of 16 KiB.
	writeBuffer = 64 << 10

	// copied is the payload up to which a message is gathered with others.
	copied = 16 << 10

	// together is the payload up to which a frame is copied behind its header, and
	// written with it: at 64 KiB a second write, which wakes the peer once more, costs
	// more than copying. Of a larger one only the head is, of copied bytes.
	together = 64 << 10
)

// A buffer is a pooled slice; the pointer keeps Put from allocating.
type buffer struct{ b []byte }

var (
	readBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, readBuffer)} }}
	deepBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, deepBuffer)} }}
)

// Write buffers have room for a header in front of a full payload.
var writeBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, writeBuffer+64)} }}

func getReadBuffer() *buffer { return readBuffers.Get().(*buffer) }

func getDeepBuffer() *buffer { return deepBuffers.Get().(*buffer) }

func putReadBuffer(b *buffer) {
	b.b = b.b[:0]
	if cap(b.b) == deepBuffer {
		deepBuffers.Put(b)
		return
	}
	readBuffers.Put(b)
}

func getWriteBuffer() *buffer { return writeBuffers.Get().(*buffer) }

func putWriteBuffer(b *buffer) {
	if cap(b.b) != writeBuffer+64 { // grown by a header's worth or more: not of this pool
		return
	}
	b.b = b.b[:0]
	writeBuffers.Put(b)
}

// Message buffers hold messages that are larger than a read, in classes of
// powers of two; what is larger than the last class is left to the collector.
const (
	minMessageClass = 15 // 32 KiB
	maxMessageClass = 20 // 1 MiB
)

var messageBuffers [maxMessageClass - minMessageClass + 1]sync.Pool

// growMessage returns b, empty or not, with a capacity of at least n: from the
// pools, unless n is larger than they serve. The old buffer is put back.
func growMessage(b *buffer, n int) *buffer {
	if b != nil && cap(b.b) >= n {
		return b
	}
	class := minMessageClass
	for class <= maxMessageClass && 1<<class < n {
		class++
	}
	var grown *buffer
	if class > maxMessageClass {
		grown = &buffer{make([]byte, 0, n)}
	} else if v := messageBuffers[class-minMessageClass].Get(); v != nil {
		grown = v.(*buffer)
	} else {
		grown = &buffer{make([]byte, 0, 1<<class)}
	}
	if b != nil {
		grown.b = append(grown.b, b.b...)
		putMessage(b)
	}
	return grown
}

func putMessage(b *buffer) {
	for class := minMessageClass; class <= maxMessageClass; class++ {
		if cap(b.b) == 1<<class {
			b.b = b.b[:0]
			messageBuffers[class-minMessageClass].Put(b)
			return
		}
	}
}
