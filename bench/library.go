package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
)

// A library is one of the ways to write the same server.
type library struct {
	name string

	// peer says that the library counts when the best peer of a row is sought.
	peer bool

	// ours says that it is Sluice.
	ours bool

	// parks says that idle connections have no goroutine, some time after their
	// last message: memory is read when none is left.
	parks bool

	// can reports whether the library has a documented way to do this.
	can func(options) bool

	// open builds the server, in the process that is measured.
	open func(options) (service, error)
}

// A service is a server that waits for connections, as a handler of net/http or,
// where a library documents that it is stronger without, as a function that is
// given each connection, in a goroutine of its own, and closes it.
type service struct {
	handler http.Handler
	conn    func(net.Conn)
	path    string // of the handshake, "/ws" when empty
	cookie  string // that the client is to send
}

// libraries in the order of the table's columns.
var libraries = []library{
	floorEach,
	floorGathered,
	gorillaLibrary,
	coderLibrary,
	gobwasLibrary,
	gobwasRawLibrary,
	gwsLibrary,
	sluiceConn,
	sluiceServer,
	sluiceReceive,
	sluiceParked,
}

func findLibrary(name string) (library, error) {
	i := slices.IndexFunc(libraries, func(l library) bool { return l.name == name })
	if i < 0 {
		return library{}, fmt.Errorf("no library is called %q", name)
	}
	return libraries[i], nil
}

func handlerService(f http.HandlerFunc) (service, error) { return service{handler: f}, nil }
