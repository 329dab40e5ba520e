package main

import "fmt"

var idleGroup = &group{
	name:  "idle",
	title: "Idle connections",
	note: "Resident memory of the server per connection, bytes, after one message each way and three collections. The " +
		"kernel's share is not in it. broadcast: the connections are members of a hub, and have received 16 messages in a " +
		"burst. deflate: 500 connections after 16 messages of 1.1 KB; here the heap tells more, as a page that was " +
		"allocated and never written to is not resident.",
	tables: []table{costTable("Resident, bytes", 0), heapTable, stackTable},
}

func idleScenarios() []scenario {
	load := LoadArgs{Conns: 10_000, InFlight: 1, Size: 32, Text: true}
	row := func(name string, o options) scenario {
		o.App, o.Size, o.Idle = appIdle, 32, true
		return scenario{name: "idle/" + name, group: idleGroup, kind: memory, opt: o, load: load}
	}
	hub := row("plain/broadcast", options{})
	hub.opt.App, hub.opt.Burst, hub.load.Burst = appBroadcast, 16, 16
	deflate := func(name string, mode deflateMode) scenario {
		s := row(name, options{Deflate: mode})
		s.opt.Size = 2 << 10
		s.load = LoadArgs{Conns: 500, InFlight: 16, Size: 1100, Deflate: mode}
		return s
	}
	// How the memory of parked sockets grows, up to what 20,000 descriptors allow.
	parked := func(conns int) scenario {
		s := row(fmt.Sprintf("parked/%d", conns), options{})
		s.load.Conns = conns
		s.only = []string{sluiceParked.name}
		s.target = "1,300"
		return s
	}
	target := func(s scenario, bytes string) scenario {
		s.target = bytes
		return s
	}
	return []scenario{
		target(row("plain", options{}), "4,200; parked 1,300"),
		target(row("plain/gate", options{Gate: true}), "6,000"),
		hub,
		parked(5000),
		parked(18_000),
		target(row("tls", options{TLS: true}), "14,000"),
		row("tls/gate", options{TLS: true, Gate: true}),
		deflate("deflate", deflateMessage),
		target(deflate("deflate/takeover", deflateTakeover), "heap + 8,192"),
	}
}
