package main

var handshakeGroup = &group{
	name:  "handshake",
	title: "Handshake",
	note: "Server CPU per opening handshake, µs, from accept to the answer, 64 at a time, with the headers that a browser " +
		"sends. The floor and gobwas raw do without net/http. Closing is not measured.",
	tables: []table{costTable("CPU, µs", 1), allocsTable, bytesTable},
}

func handshakeScenarios() []scenario {
	load := LoadArgs{Conns: 64, InFlight: 1, Size: 32}
	return []scenario{
		{name: "handshake/bare", group: handshakeGroup, kind: handshakes, opt: options{App: appHandshake, Size: 32}, load: load, target: "1.05; allocations 1.00"},
		{name: "handshake/gate", group: handshakeGroup, kind: handshakes, opt: options{App: appHandshake, Size: 32, Gate: true}, load: load, target: "bare + 10 µs, + 20 allocations"},
	}
}
