// Package stack has a goroutine's stack grow while that is cheap.
package stack

// gate is what the wrappers, the checks and the session's signature take of the stack
// until a handshake is answered, in bytes; net/http's goroutine has 4 KiB, of which it
// uses 1.4 itself.
const gate = 3584

// Reserve makes room on the stack for a handshake behind the gate. To grow a stack each
// of its frames is looked up and adjusted, so it is to be done where there are few: 18
// frames further in it took half of what the gate adds to a handshake, here a quarter
// of that.
func Reserve() { reserve(-1) }

// reserve asks for the room when it is called, and uses none of it.
//
//go:noinline
func reserve(i int) byte {
	if i < 0 {
		return 0
	}
	var room [gate]byte
	return room[i]
}
