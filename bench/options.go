package main

// options say what a server under test is to do. They go to its process.
type options struct {
	App     app
	Size    int  // of the messages, for libraries that want to know how large a buffer pays
	Burst   int  // broadcast: how often a message that is received is published
	Stuck   bool // broadcast: one connection never reads
	TLS     bool // serve TLS
	Deflate deflateMode
	Gate    bool // Sluice: session, user and route around the socket
	Idle    bool // what a connection keeps is measured, not what it does
}

// app is what a server does with the messages it gets.
type app string

const (
	appEcho      app = "echo"      // send each message back
	appHandshake app = "handshake" // the same, for what comes before it
	appStream    app = "stream"    // the same, in pieces, never a whole message in memory
	appIdle      app = "idle"      // echo with as little memory as the library knows how
	appBroadcast app = "broadcast" // send each message to every connection, Burst times
)

// deflateMode is how permessage-deflate is asked for (RFC 7692).
type deflateMode string

const (
	deflateOff      deflateMode = ""
	deflateMessage  deflateMode = "message"  // each message for itself: no context takeover
	deflateTakeover deflateMode = "takeover" // with what both sides remember of earlier ones
)
