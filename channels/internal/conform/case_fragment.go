package conform

import "fmt"

// fragmentCases is fragmentation as RFC 6455, Section 5.4, allows it.
func fragmentCases() []Case {
	const rule = "a fragmented message is the concatenation of its fragments"
	var all []Case
	for _, op := range kinds {
		name := "6455/5.4 " + kind(op) + " in "
		whole := func(n int) frame { return data(op, payload(op, n)) }
		all = append(all,
			echoes(name+"2 fragments", rule, whole(10).cut(5)...),
			echoes(name+"3 fragments", rule, whole(10).cut(3, 6)...),
			echoes(name+"100 fragments of 1 byte", rule, whole(100).split(1)...),
			echoes(name+"fragments of 0 bytes, first", rule, whole(10).cut(0)...),
			echoes(name+"fragments of 0 bytes, last", rule, whole(10).cut(10)...),
			echoes(name+"fragments of 0 bytes, in the middle", rule, whole(10).cut(5, 5)...),
			echoes(name+"fragments of 0 bytes, several", rule, whole(10).cut(0, 0, 5, 5, 5, 10, 10)...),
			echoes(name+"fragments of 0 bytes, all", rule, whole(0).cut(0, 0)...),
			echoes(name+"fragments of 125, 126 and 127 bytes", rule, whole(400).cut(125, 251, 378)...),
			echoes(name+"fragments of 65535 and 65536 bytes", rule, whole(131100).cut(65535, 131071)...),
			echoes(name+"a small fragment and a large one", rule, whole(70000).cut(1)...),
			echoes(name+"a large fragment and a small one", rule, whole(70000).cut(69999)...),
			echoes(name+"fragments, ping between", rule,
				between(whole(10).split(2), func(i int) frame { return ping(fmt.Sprint("ping ", i)) })...),
			echoes(name+"fragments, empty ping between", rule,
				between(whole(10).split(5), func(int) frame { return ping("") })...),
			echoes(name+"fragments, ping of 125 bytes between", rule,
				between(whole(10).split(5), func(int) frame { return ping(letters(125)) })...),
			echoes(name+"fragments, pong between", rule,
				between(whole(10).split(3), func(int) frame { return pong("unasked") })...),
		)
		for _, n := range []int{1, 2, 3, 7} {
			all = append(all, chopped(fmt.Sprintf("%sfragments, writes of %d bytes", name, n), rule, n, whole(200).split(50)...))
		}
	}
	var mixed []frame
	for i := range 5 {
		mixed = append(mixed, text(letters(20+i)).split(6)...)
		mixed = append(mixed, binaryFrame(noise(20+i)).split(7)...)
		mixed = append(mixed, text(fmt.Sprint("whole ", i)))
	}
	return append(all,
		echoes("6455/5.4 fragmented messages one after another", "messages are delivered in the order of their first frames", mixed...),
		chopped("6455/5.4 fragmented messages one after another, in single bytes",
			"messages are delivered in the order of their first frames", 1, mixed...),
		Case{
			Name: "6455/5.4 fragments that come late",
			Rule: "between the fragments of a message any time may pass",
			play: steps(sends(text("Hel").more()), sends(ping("1")), answersPing, sends(continuation("l").more()),
				sends(ping("2")), answersPing, sends(continuation("o")), settles, finishes),
		},
	)
}

// continuationCases is what Section 5.4 forbids.
func continuationCases() []Case {
	const (
		nothing = "a continuation frame without a message to go on with fails the connection"
		begun   = "a message that has begun goes on with continuation frames only"
	)
	all := []Case{ // F16
		breaks("6455/5.4 continuation of nothing", nothing, protocolError, continuation("more")),
		breaks("6455/5.4 continuation of nothing, empty", nothing, protocolError, continuation("")),
		breaks("6455/5.4 continuation of nothing, FIN 0", nothing, protocolError, continuation("more").more()),
		breaks("6455/5.4 continuation of nothing, FIN 0 and empty", nothing, protocolError, continuation("").more()),
		breaks("6455/5.4 continuation after a whole message", nothing, protocolError, text("whole"), continuation("more")),
		breaks("6455/5.4 continuation after a whole message, FIN 0", nothing, protocolError,
			text("whole"), continuation("more").more()),
		breaks("6455/5.4 continuation after a fragmented message", nothing, protocolError,
			text("Hel").more(), continuation("lo"), continuation("more")),
		breaks("6455/5.4 continuation after a ping", nothing, protocolError, ping("ping"), continuation("more")),
	}
	for _, first := range kinds { // F17
		for _, second := range kinds {
			name := fmt.Sprintf("6455/5.4 %s within a %s message", kind(second), kind(first))
			open := data(first, []byte("begun ")).more()
			all = append(all,
				breaks(name, begun, protocolError, open, data(second, []byte("new"))),
				breaks(name+", FIN 0", begun, protocolError, open, data(second, []byte("new")).more()),
				breaks(name+", empty", begun, protocolError, open, data(second, nil)),
				breaks(name+", after a continuation", begun, protocolError,
					open, continuation("and more ").more(), data(second, []byte("new"))),
				breaks(name+", after a ping", begun, protocolError, open, ping("ping"), data(second, []byte("new"))),
			)
		}
	}
	return all
}
