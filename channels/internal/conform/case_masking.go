package conform

import "fmt"

// maskingCases is RFC 6455, Sections 5.1 and 5.3.
func maskingCases(r Role) []Case {
	var all []Case
	rule, how := "a frame from a client is masked, or the server closes the connection", "unmasked " // F5
	if r == Client {
		rule, how = "a frame from a server is not masked, or the client closes the connection", "masked " // F6
	}
	for _, f := range every() {
		all = append(all, breaks("6455/5.1 "+how+kind(f.op), rule, protocolError,
			inContext(f.misdirect())...))
	}
	all = append(all,
		breaks("6455/5.1 "+how+"empty text", rule, protocolError, text("").misdirect()),
		breaks("6455/5.1 "+how+"text of 128 bytes", rule, protocolError, text(letters(128)).misdirect()),
		breaks("6455/5.1 "+how+"text after a good one", rule, protocolError, text("good"), text("bad").misdirect()),
	)
	if r == Client {
		return append(all, keysCase())
	}
	for _, key := range [][4]byte{{}, {0xFF, 0xFF, 0xFF, 0xFF}, {0, 0, 0, 1}, {0x80, 0, 0, 0}, {1, 2, 3, 4}} { // F7
		all = append(all, echoes(fmt.Sprintf("6455/5.3 masking key %x", key), "a masking key may have any value",
			text(letters(133)).keyed(key[0], key[1], key[2], key[3]),
			binaryFrame(noise(1031)).keyed(key[0], key[1], key[2], key[3])))
	}
	for n := 1; n <= 9; n++ {
		all = append(all, chopped(fmt.Sprintf("6455/5.3 masked payload in pieces of %d", n),
			"octet i of the payload is masked with octet i modulo 4 of the key, however it arrives", n,
			binaryFrame(noise(257)).keyed(0x12, 0x34, 0x56, 0x78)))
	}
	return append(all,
		echoes("6455/5.3 each fragment with a key of its own", "every frame has its own masking key",
			text("one ").keyed(1, 2, 3, 4).more(), continuation("two ").keyed(0xF0, 0xE1, 0xD2, 0xC3).more(),
			continuation("three").keyed(0, 0, 0, 0)),
		echoes("6455/5.3 masked control frames", "control frames are masked like others",
			ping("12345").keyed(0xAA, 0xBB, 0xCC, 0xDD), ping("").keyed(9, 9, 9, 9), ping(letters(125)).keyed(7, 0, 7, 0)),
	)
}

// keysCase looks at the masking keys that a client has chosen.
func keysCase() Case {
	var many []frame
	for range 8 {
		many = append(many, text("the same text each time"))
	}
	return Case{
		Name: "6455/5.3 fresh masking keys",
		Rule: "a client picks a new masking key, which cannot be foreseen, for each frame",
		play: steps(sends(many...), settles, func(p *peer) error {
			seen := map[[4]byte]bool{}
			for _, key := range p.keys {
				seen[key] = true
			}
			// Two of eight random keys are the same once in 150 million times.
			if len(seen) < len(p.keys) {
				return &mismatch{"different keys for all frames", fmt.Sprintf("%d keys for %d frames", len(seen), len(p.keys))}
			}
			return nil
		}, finishes),
	}
}
