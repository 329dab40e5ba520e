// Package auth says who is on a connection, whether it is a plain request, a WebSocket
// or something else, and holds the connection to it for as long as it lives: whoever
// logs out, changes the password or is locked out is out on the open sockets too.
//
// # Wiring
//
// A [Gate] is made for the application's own type of a user, which needs a UserID
// method only. [Stack] puts it, and sessions, around a handler:
//
//	gate := &auth.Gate[Account]{
//		Backends: []auth.Backend[Account]{accounts},
//		Revoker:  srv, // the *channels.Server
//	}
//	handler := auth.Stack(sess, gate)(mux)
//
// Behind it, [User] returns who is there, from the context of a request or a socket:
//
//	account, ok := auth.User[Account](ctx)
//
// The user is loaded at the first use, or when a handshake has passed the checks of its
// origin: a request that asks for nothing costs nothing. A backend that fails makes a
// 503, never a nobody.
//
// # Logging in and out
//
// [Gate.Authenticate] checks credentials with the backends and counts the attempts;
// [Gate.Login] puts the user into the session, under a new token; [Gate.Logout] ends the
// session and closes its sockets with 3000. [Gate.Require] and [Gate.Permit] keep out
// whoever is not logged in, or not allowed. [Gate.Deny] answers with the right status.
//
//	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
//		user, err := gate.Authenticate(r.Context(), auth.Credentials{
//			Username: r.PostFormValue("username"),
//			Password: r.PostFormValue("password"),
//		})
//		if err == nil {
//			err = gate.Login(w, r, user)
//		}
//		if err != nil {
//			gate.Deny(w, r, err)
//			return
//		}
//		auth.RedirectNext(w, r, "/")
//	})
//
// Put [http.CrossOriginProtection] around such forms: a session's cookie goes along with
// a POST from a sibling domain, and a form can log a visitor in as somebody else. It
// does not look at GET, so neither at the handshake of a WebSocket, whose origin the
// channels.Server checks.
//
// # Passwords
//
// Guesses are limited by account and address ([Throttle]); behind a proxy, set
// TrustedProxies of the Server's Upgrader, so that addresses are the clients'.
// [Passwords] hashes and verifies; a backend calls [Passwords.Verify] whether it has
// found the account or not, so that both take the same time. [MemoryUsers] is a small
// backend that does.
//
// # As long as the socket lives
//
// Three things end a connection whose login has ended, each of which works without the
// others:
//
//   - a timer: the session or the token expires
//   - a push: [Gate.Logout], [Gate.RevokeUser], [Gate.RevokeSession] and
//     [Gate.PasswordChanged] call the Revoker, which closes the connections of that
//     session or user on every process
//   - a pull: each minute the user's backend is asked, for 1,000 connections at once,
//     who is still there with the same stamp, the session's Store whether it still
//     has it, and Revocations whether the login was revoked
//
// Connections close with 3000, or 3003 when a user may no longer do what a Permit asks
// for. [Gate.UserChanged] has a user's connections asked about at once, where it is known
// that something has changed.
//
// # Remembered logins
//
// [Remember] keeps a login for weeks, also when the browser is closed. What matters can
// ask for one that is [Gate.Fresh]. A cookie that lies about for so long may be copied:
// with a sessions.Store its token is replaced while it is used, and when a former one
// comes back the login is over, for the thief and for the user, whom Gate.Stolen can
// tell.
//
// # Other credentials
//
// A site that has its own login already keeps it: [Cookie] reads its cookie, and its logout
// calls [Gate.RevokeSession].
//
// A [Scheme] takes a credential out of a request and verifies it: [Bearer],
// [BearerProtocol], [Tickets.Scheme] and Cookie, or one's own. [FirstMessage] has a socket
// say who is there before it is served. The Open of a channels.Protocol calls [Gate.Adopt]
// with the user of a name and password, or [Gate.AdoptGrant] with what a ticket is worth.
// A connection whose token is about to expire shows another one: [Gate.Refresh].
//
// # Concurrency
//
//  1. All methods of a Gate, and User, may be called by several goroutines at once.
//  2. The user of one request or connection is loaded once, by whoever asks first; the
//     others wait for that, or until their context ends.
//  3. Backends, Revocations, Throttle and hooks are called without a lock held.
//  4. A login, an Adopt or a recheck that changes a connection's user is seen by the
//     next call of User on it.
package auth
