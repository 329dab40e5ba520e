package main

import "fmt"

var deflateGroup = &group{
	name:  "deflate",
	title: "permessage-deflate",
	note: "Server CPU per echo of 1.1 KB of JSON, 256 different messages, µs: one message inflated and one deflated. " +
		"The wire table has the bytes that come back.",
	tables: []table{costTable("CPU, µs", 1), allocsTable, wireTable},
}

func deflateScenarios() []scenario {
	var all []scenario
	for _, mode := range []deflateMode{deflateMessage, deflateTakeover} {
		for _, inFlight := range []int{1, 16} {
			all = append(all, scenario{
				name:  fmt.Sprintf("deflate/%s/100/%d", mode, inFlight),
				group: deflateGroup,
				opt:   options{App: appEcho, Size: 2 << 10, Deflate: mode},
				load:  LoadArgs{Conns: 100, InFlight: inFlight, Size: 1100, Deflate: mode},

				target: "0.70",
			})
		}
	}
	return all
}
