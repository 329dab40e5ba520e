// Package sessions remembers something about a browser from one request to the
// next, and for the life of a socket: in a signed cookie, or on the server.
package sessions
