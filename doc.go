// Package sluice is the map of a toolkit for authenticated real-time servers on
// plain net/http: WebSockets that know who is there, and that close when the login
// ends. There is no code in it; these are its packages:
//
//   - [github.com/sluicehq/sluice/channels]: connections. A WebSocket upgrader and
//     client (RFC 6455, RFC 7692), a server with handlers, consumers and groups, the
//     scope of a connection, and the guards that end it.
//   - [github.com/sluicehq/sluice/channels/sessions]: what is remembered. Signed
//     cookies and server-side stores, key rotation.
//   - [github.com/sluicehq/sluice/channels/auth]: who it is. Users in the scope, login
//     and logout, bearer tokens, tickets, passwords, revocation.
//   - [github.com/sluicehq/sluice/channels/routing]: where it goes. Routing by protocol
//     and by path.
//   - [github.com/sluicehq/sluice/channels/wstest]: how it is tested. A server and
//     clients in memory; conformance suites for WebSocket servers and clients, layers
//     and session stores.
//
// Modules of their own carry groups between processes (layers/nats, layers/redis),
// prove the session stores on real servers (stores), compare with other libraries
// (bench, conformance) and try the whole in a browser (e2e). The demo is
//
//	go run ./cmd/demo
//
// A wrapper is a func(http.Handler) http.Handler; it puts what it finds out into the
// connection's scope, which lives in the context. The example shows them all.
package sluice
