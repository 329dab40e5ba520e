package main

import "fmt"

var echoGroup = &group{
	name:  "echo",
	title: "Echo",
	note: "Server CPU per message, µs. Each of the connections sends its messages (1 or 16) in one write, and the next " +
		"when all have come back.",
	tables: []table{costTable("CPU, µs", 2), allocsTable},
}

// echoScenarios are all combinations but those of 1 MiB on 1,000 connections: they
// would need gigabytes, of which only a few connections at a time were in use.
func echoScenarios() []scenario {
	var all []scenario
	for _, size := range []int{32, 512, 4 << 10, 64 << 10, 1 << 20} {
		for _, text := range []bool{true, false} {
			for _, conns := range []int{100, 1000} {
				if size == 1<<20 && conns == 1000 {
					continue
				}
				for _, inFlight := range []int{1, 16} {
					kindName := "binary"
					if text {
						kindName = "text"
					}
					all = append(all, scenario{
						name:  fmt.Sprintf("echo/%s/%s/%d/%d", sizeName(size), kindName, conns, inFlight),
						group: echoGroup,
						opt:   options{App: appEcho, Size: size},
						load:  LoadArgs{Conns: conns, InFlight: inFlight, Size: size, Text: text},

						target: echoTarget(size, inFlight),
					})
				}
			}
		}
	}
	return all
}

// echoTarget is in shares of the best peer's CPU.
func echoTarget(size, inFlight int) string {
	switch {
	case inFlight == 1:
		return "1.05"
	case size <= 512:
		return "Server 0.15"
	case size <= 4<<10:
		return "Server 0.60"
	}
	return ""
}

var streamGroup = &group{
	name:  "stream",
	title: "Echo of 1 MiB in pieces",
	note: "Server CPU per message, µs, with the reader and writer of the library: the bytes allocated show that the " +
		"message is never in memory as a whole.",
	tables: []table{costTable("CPU, µs", 1), allocsTable, bytesTable},
}

func streamScenarios() []scenario {
	return []scenario{{
		name:  "stream/1MiB/binary/100/1",
		group: streamGroup,
		opt:   options{App: appStream, Size: 1 << 20},
		load:  LoadArgs{Conns: 100, InFlight: 1, Size: 1 << 20},
	}}
}
