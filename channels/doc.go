// Package channels serves and dials WebSocket connections (RFC 6455), and gives
// those of a server what an application needs: a scope that says who is there, a
// handler, groups, and an end when it is time.
//
// # A server
//
// A [Server] makes an [http.Handler] of a function, or of a [Consumer], whose
// methods are called one at a time:
//
//	var srv channels.Server
//
//	http.Handle("/echo", srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
//		for m, err := range s.Messages(ctx) {
//			if err != nil {
//				return err
//			}
//			if err := s.Send(ctx, m); err != nil {
//				return err
//			}
//		}
//		return nil
//	}))
//
// What the handler returns decides the close code; see [Handler]. The socket
// outlives its request: when the handshake has been answered, ServeHTTP returns and
// the handler runs in a goroutine of its own. Its context carries the [Scope], which
// wrappers have filled with a session, a user, a route's parameters, and nothing
// else of the request's.
//
// Sockets join groups; [Server.Broadcast] sends to the clients of a group and
// [Server.Notify] to its consumers, on every process that shares a [Layer].
// [Socket.Track] shows a socket in a group's presence, and [Server.Members] tells who
// is there.
// Connections that are not HTTP are served by the same handlers; see [Protocol].
//
// The zero Server is safe. It refuses handshakes from pages of other sites, and those
// that carry a cookie without saying where they come from; it bounds what a client
// may send and what may wait for it. Every bound is a field with its default:
// [Limits], [QueueLimits], [Server], [Upgrader]; docs/limits.md has them all in a table.
//
// # The end of a connection
//
// A wrapper puts a [Guard] into the scope: tags, an expiry, a way to be asked
// again. The Server enforces it for as long as the connection lives:
// [Server.Disconnect] closes every socket with a tag, on every process. That
// cancels the socket's context, and its cause is the reason. No frame is begun
// after that, in either direction, and what was queued is dropped.
//
// # In operation
//
// A client that does not take what it is sent delays nobody: when its queue is full it
// is closed with 1013, or messages are dropped and its consumer told, as [Server.Slow]
// says. Between processes a message can be lost, when one of them is cut off: what is
// published through a [Layer] is numbered, so that the consumers of its group, and
// [Server.Gap], learn of it within some 10 s of the connection's return; see [EventGap].
//
// [Server.Stats] counts, and [Server.Observer] is told, what happens to connections.
// [Server.Shutdown] spreads the end of the sockets over a while, and lets handlers
// finish, say goodbye, and have written what is queued.
//
// # Below
//
// [Upgrader] and [Conn] are the WebSocket alone, for those who want the bare
// connection in their own handler; [Dial] is the client.
//
// # HTTP/2
//
// A browser that has its page over HTTP/2 opens WebSockets as streams of the same
// connection when the server says that it may (RFC 8441), and the same handlers serve
// them. In Go 1.26 net/http says so in a process that has GODEBUG=http2xconnect=1 in
// its environment from the start. Before you set it, know that
//
//   - browsers then use HTTP/2 for all WebSockets of that origin, and do not fall back:
//     those that other handlers serve must know it, too. A pattern of http.ServeMux that
//     begins with GET does not match a stream's CONNECT.
//   - ServeHTTP returns when the socket has ended; http.Server.Shutdown waits for it, so
//     use [ShutdownAll]. A socket keeps two goroutines, and is not parked.
//   - streams share their connection's window. So that a handler which does not read
//     stops nobody else, set http.HTTP2Config.MaxReceiveBufferPerStream to 64 KiB, or
//     MaxReceiveBufferPerConnection to 16 MiB.
//
// # Concurrency
//
//  1. All methods of Server, Scope and Socket may be called from any goroutine;
//     Socket.Read from one at a time. A consumer's methods are called one at a time.
//  2. A socket's messages are handed to its handler in the order in which they were
//     sent; what is sent to a socket, by Send, Broadcast and the closing, is written
//     in the order in which it was accepted.
//  3. Send, Broadcast and Notify wait for no socket. What they are given they have
//     copied or written when they return. A socket whose queue is full meets
//     [Server.Slow].
//  4. While a socket handles one message and others have arrived already, what it
//     sends is gathered and written together: before it waits for more, at 16 KiB,
//     or after a millisecond.
//  5. Message.Data belongs to whoever receives it; to a [BorrowedConsumer] it is lent
//     until its method returns.
//  6. A Conn has one reader and any number of writers. Control frames are answered
//     by the reader.
//  7. A socket's goroutines end before [Server.Shutdown] returns, unless it runs out of
//     time and a handler does not hear that its context has ended.
package channels
