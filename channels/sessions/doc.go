// Package sessions remembers something about a browser from one request to the
// next, and for the life of a socket.
//
//	keys, err := sessions.KeyFile("/var/lib/app/keys") // made when it is not there
//	…
//	sess := &sessions.Manager{Keys: keys}
//	http.ListenAndServe("localhost:8080", sess.Handler(mux))
//
// and in a handler:
//
//	s, err := sessions.Load(r.Context())
//	if err != nil { … }                           // a Store that is down: 503
//	visits, _ := sessions.Get[int](s, "visits")
//	err = s.Set("visits", visits+1)               // any value of encoding/json's
//
// What was changed is saved before the response's header is written or the
// connection hijacked. When it cannot be saved, another response is sent in place
// of the handler's. Nothing is looked up, made or sent for a request that does not
// ask for its session.
//
// # In the cookie, or in a store
//
// Without a [Manager.Store] all data is in the cookie, signed: there is nothing to
// run, any server with the keys can read it, up to about 2,900 bytes fit. But the
// client can read it too, the last of two concurrent responses wins, and nobody can
// take it back: a copy of the cookie is good until it expires, whatever Renew and
// Destroy say. Package auth has Revocations and stamps for that.
//
// With a Store, the cookie is a random token, of which the store sees the hash. The
// session can be ended at any time and is then never brought back, not even by a
// slow request that has loaded it before; concurrent changes of different keys are
// merged, and of the same key one is refused ([ErrConflict]). There are
// [MemoryStore] for one process, package sqlstore for PostgreSQL and SQLite, and
// [FromSCS] for any store of github.com/alexedwards/scs, in which the last writer
// wins where two come within the same instant.
//
// # How long
//
// A session ends after [Manager.Lifetime], 14 days unless told otherwise, and, with
// an [Manager.IdleTimeout], when it was not used for so long. A browser can be left
// to forget it when it is closed ([Manager.BrowserSession]), and one session can
// have a life of its own ([Session.SetExpiry], "remember me"). Times are whole
// seconds. That a session was used is recorded at most ten times in an IdleTimeout.
//
// A cookie that is kept for months may be copied. With a Store, the token of a session
// that has a life of its own is therefore replaced every 10 minutes in which it is used,
// and a former one that is shown again ends the session, for the thief and for whoever was
// robbed: see [Session.Reused]. Without a Store nobody can tell a copy: keep such lives
// short.
//
// # Sockets
//
// A change that is made before a socket is accepted goes out with the 101. From then
// on no cookie can be set: [Session.Save] saves to a Store, and without one, returns
// [ErrDetached], as Set does. [Session.Reload] sees what HTTP requests have changed
// in the Store meanwhile. The data of a session that was renewed by a request is out of
// reach for a socket with the old token, until it connects again with the new cookie.
// An open socket is no use of the session: with an IdleTimeout it is the requests that
// keep the session alive, and [Deadlines] tells whether they did.
//
// # The cookie
//
// It is named "__Host-session", and Secure, HttpOnly, SameSite=Lax, with Path=/ and
// no Domain; [Cookie] changes that. The prefix makes browsers refuse a cookie that
// another host of the domain has planted. A client that sends two different values
// all the same is nobody, and the log says so.
//
// Secure cookies work on http://localhost, without TLS: Chromium and Firefox, curl
// and Go's net/http/cookiejar (since Go 1.26) take localhost, and Go also 127.0.0.1,
// for a place where nobody listens in. Safari does not, and neither do most other
// programs; what sends its Cookie header itself, as most WebSocket clients do, is
// free to. For plain http to another machine there is [Cookie.InsecureHTTP].
//
// Without a Store its value is a token of [Signer], for the purpose
// "sluice/sessions cookie", bound to the cookie's name:
//
//	1.KEYID.ISSUED.ENDS.PAYLOAD.MAC
//
// The payload, in base64url, is one letter (m: the Manager's rules end it, b: the
// browser too, o: its own), 26 characters of ID, and a JSON object. Before anything
// is decoded the value's length is checked, and the MAC, in constant time. What a
// good MAC covers is checked all the same: times in both directions, with 60 s for
// clocks that differ; JSON in the one form in which it is written, not nested
// deeper than 63 levels, with at most 1,024 different keys.
//
// With a Store the value is 43 characters of base64url: 32 random bytes. The store's
// key is "session:" and a SHA-256 of the first 22 characters; of the others the session
// holds another, and they are compared in constant time.
//
// # Keys
//
// A key has 32 random bytes or more. The first of a [Keyring] signs, the others
// verify; cookies of the others are signed anew when they are used. To change keys,
// add the new one at the end on every server, then move it to the front, then remove
// the old one after a Lifetime. The keys sign nothing themselves: from each,
// HKDF-SHA256 derives one for every purpose, so that what was made for one is worth
// nothing for another. Applications can have their own ([Keyring.Derive]).
//
// # Caches
//
// A response for which the session was asked for has "Vary: Cookie" and
// "Cache-Control: private", whatever the handler says, and "no-store" when it sets
// the cookie.
package sessions
