package conform

import "fmt"

// reservedCases is what RFC 6455, Section 5.2, keeps for extensions.
func reservedCases() []Case {
	const section = "6455/5.2 "
	var all []Case
	for bits := byte(1); bits <= 7; bits++ {
		for _, f := range every() {
			all = append(all, breaks(fmt.Sprintf("%sreserved bits %03b %s", section, bits, kind(f.op)),
				"a reserved bit that no extension has given a meaning fails the connection", protocolError,
				inContext(f.bits(bits))...)) // F1
		}
		all = append(all, breaks(fmt.Sprintf("%sreserved bits %03b after good messages", section, bits),
			"a reserved bit that no extension has given a meaning fails the connection", protocolError,
			text("good"), ping("good"), text("bad").bits(bits)))
	}
	for _, op := range []byte{0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF} { // F4
		const rule = "an opcode that is reserved fails the connection"
		name := fmt.Sprintf("%sreserved opcode %X ", section, op)
		all = append(all,
			breaks(name+"without payload", rule, protocolError, text("").opcode(op)),
			breaks(name+"with payload", rule, protocolError, text("reserved").opcode(op)),
			breaks(name+"after a good message", rule, protocolError, text("good"), text("bad").opcode(op)),
			breaks(name+"between fragments", rule, protocolError, text("begun ").more(), text("bad").opcode(op)),
			breaks(name+"with FIN 0", rule, protocolError, text("bad").opcode(op).more()),
		)
	}
	return all
}
