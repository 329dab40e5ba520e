// Package wstest tests handlers of sockets: a server and clients in memory, and
// conformance suites for what others implement.
//
// # Handlers
//
//	func TestChat(t *testing.T) {
//		srv := wstest.NewServer(t, app)
//		c := srv.Dial("/front/")
//		c.Send("hello")
//		c.Want("hello")
//		c.Close()
//	}
//
// The server is an [http.Server] on a network of memory. It looks as if it were
// behind TLS at https://localhost, so that Secure cookies work; a [Browser] keeps
// cookies and sends the Origin that a page of the site has. Several are several
// users:
//
//	alice := srv.NewBrowser()
//	alice.PostForm("/login", url.Values{"username": {"alice"}, …})
//	c := alice.Dial("/front/")
//
// A test that fails says what came instead. Every wait has a limit, [Timeout].
//
// All of it may be used in a [testing/synctest] bubble, where waiting takes no time
// and [Client.WantNothing] is certain; make the server inside of the bubble.
//
// # Suites
//
// [TestServer] and [TestClient] check an implementation of RFC 6455 and RFC 7692,
// whatever it is written in; [TestLayer] checks a channels.Layer, and [TestStore] a
// sessions.Store.
package wstest
