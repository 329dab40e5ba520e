package main

import "fmt"

var broadcastGroup = &group{
	name:  "broadcast",
	title: "Broadcast",
	note: "Server CPU per delivered message of 128 bytes, µs. One client sends a message, which the server publishes to all " +
		"connections once or, for 16 in flight, 16 times in a row; the next when all have arrived. With \"stuck\" there is one " +
		"connection more, which never reads, and whose queue is full: its messages are dropped. With \"parked\" no connection " +
		"but the publisher's has a goroutine; 18,000 times the figure is how long a broadcast to all takes the one processor.",
	tables: []table{costTable("CPU, µs", 2), allocsTable},
}

func broadcastScenarios() []scenario {
	var all []scenario
	for _, conns := range []int{1000, 10_000} {
		for _, burst := range []int{1, 16} {
			all = append(all, scenario{
				name:  fmt.Sprintf("broadcast/128B/%d/%d", conns, burst),
				group: broadcastGroup,
				opt:   options{App: appBroadcast, Size: 128, Burst: burst},
				load:  LoadArgs{Conns: conns, InFlight: 1, Size: 128, Text: true, Burst: burst},

				target: map[int]string{1: "1.15 of the floor", 16: "0.25"}[burst],
			})
		}
	}
	parked := scenario{
		name:  "broadcast/128B/18000/1/parked",
		group: broadcastGroup,
		opt:   options{App: appBroadcast, Size: 128, Burst: 1, Idle: true},
		load:  LoadArgs{Conns: 18_000, InFlight: 1, Size: 128, Text: true, Burst: 1},
		only:  []string{sluiceParked.name},
	}
	const conns = 1000
	return append(all, parked, scenario{
		name:  fmt.Sprintf("broadcast/128B/%d/1/stuck", conns),
		group: broadcastGroup,
		opt:   options{App: appBroadcast, Size: 128, Burst: 1, Stuck: true},
		load:  LoadArgs{Conns: conns, InFlight: 1, Size: 128, Text: true, Burst: 1, Stuck: true},
		only:  []string{sluiceServer.name},
	})
}
