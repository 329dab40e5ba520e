package conform_test

// violations are all cases in which the judge breaks a rule on an open connection.
var violations = []string{
	"6455/4.1 pipelined request", "6455/5.1 *masked *", "6455/5.2 HTTP instead of frames",
	"6455/5.2 length 0x*", "6455/5.2 length 2^62*", "6455/5.2 not minimal*", "6455/5.2 reserved*",
	"6455/5.4 continuation *", "6455/5.4 * within a * message*", "6455/5.5 *",
	"6455/5.5.1 close with one byte*", "6455/5.5.1 close with a reason that is not*",
	"6455/7.4 * not allowed*", "6455/7.1.7 *", "6455/8.1 invalid *", "6455/8.1 rune cut*", "6455/8.1 fail fast*",
	"6455/8.1 split surrogate*", "6455/8.1 split overlong*", "6455/8.1 split above*", "6455/8.1 split truncated*",
	"6455/10.4 limit passed*",
	"7692/6 reserved bits*", "7692/6.1 RSV1*", "7692/7.2.2 *", "7692/7.1.1 not before*",
}

// wrongText are the cases of text that is not UTF-8, but for compressed text.
var wrongText = []string{
	"6455/8.1 invalid *", "6455/8.1 rune cut*", "6455/8.1 fail fast*", "6455/8.1 split surrogate*",
	"6455/8.1 split overlong*", "6455/8.1 split above*", "6455/8.1 split truncated*", "!6455/8.1 invalid compressed*",
}

// tooBig are the cases of messages over the limit.
var tooBig = []string{"6455/10.4 limit passed*", "6455/5.2 length 0x7f*", "6455/5.2 length 2^62*"}

// smallWindows are the offers that a server which knows one window only declines.
var smallWindows = []string{
	"7692/7.1 offer *server_max_window_bits=*", "!7692/7.1 offer *server_max_window_bits=15*",
}

// unanswered are the cases that need the pong to a ping.
var unanswered = []string{"6455/5.5.2 *", "6455/5.5.3 pong, then a ping", "6455/5.4 *ping* between",
	"6455/5.4 fragments that come late", "6455/5.5.1 close within a message, after a ping", "6455/8.1 split with pings between",
	"6455/10.4 limit reached by fragments, pings*", "6455/10.4 limit reached by two messages", "6455/5.2 length of nothing*",
	"7692/6 ping *"}

func with(patterns []string, more ...string) []string {
	return append(append([]string(nil), patterns...), more...)
}

// working are the cases that end with a closing handshake in which the judge has
// broken no rule.
var working = func() []string {
	all := []string{"*", "!* refusal: *", "!6455/9.1 bad extensions, bytes that are no token", "!6455/4.2.2 answer: the bits*"}
	for _, p := range violations {
		all = append(all, "!"+p)
	}
	return all
}()

var handshakeMutants = []mutant{
	{"accepts HTTP/1.0", []string{"9110/7.8 *"}},
	{"accepts any method", []string{"6455/4.2.1 refusal: method *"}},
	{"accepts content", []string{"6455/4.2.1 refusal: content *"}},
	{"does not look at Connection", []string{"6455/4.2.1 refusal: *Connection*"}},
	{"does not look at Upgrade", []string{"6455/4.2.1 refusal: *Upgrade*"}},
	{"compares the beginning of tokens", []string{"6455/4.2.1 refusal: Connection: upgrade-*",
		"6455/4.2.1 refusal: Upgrade: websocket*"}},
	{"looks for tokens anywhere", []string{"6455/4.2.1 refusal: Connection: notupgrade", "6455/4.2.1 refusal: Connection: upgrade-*",
		"6455/4.2.1 refusal: Upgrade: websocket*"}},
	{"accepts any key", []string{"6455/4.2.1 refusal: *key*"}},
	{"accepts two keys", []string{"6455/4.2.1 refusal: *key twice"}},
	{"accepts keys of any length", []string{"6455/4.2.1 refusal: key of *", "6455/4.2.1 refusal: key that is empty"}},
	{"hashes the key anew encoded", []string{"6455/4.2.2 answer: the bits of the key that do not count"}},
	{"accepts any version", []string{"6455/4.4 *"}},
	{"accepts lists of versions", []string{"6455/4.4 refusal: versions *", "6455/4.4 refusal: version 13 twice"}},
	{"answers a wrong version with 400", []string{"6455/4.4 *"}},
	{"says nothing of versions in a 426", []string{"6455/4.4 *"}},
	{"says nothing of protocols in a 426", []string{"9110/15.5.22 *"}},
	{"does not look at subprotocols", []string{"6455/4.1 refusal: subprotocol*"}},
	{"chooses a subprotocol of its own", []string{"6455/4.2.2 answer: *subprotocol*"}},
	{"answers without Upgrade", []string{"6455/4.2.2 answer: Upgrade", "6455/4.2.1 handshake with Upgrade: h2c*",
		"6455/4.2.1 handshake with Upgrade in two fields"}},
	{"answers without Connection", []string{"6455/4.2.2 answer: Connection"}},
	{"answers with a wrong Sec-WebSocket-Accept", []string{"6455/4.2.2 answer: Sec-WebSocket-Accept*"}},
	{"answers with a Content-Length", []string{"9110/8.6 *"}},
	{"loses what comes behind the handshake", []string{"6455/4.1 pipelined *"}},
}

var frameMutants = []mutant{
	{"accepts reserved bits", []string{"6455/5.2 reserved bits*", "6455/7.1.7 *", "7692/6 reserved bits*", "7692/6.1 RSV1*"}},
	{"accepts RSV1 always", []string{"6455/5.2 reserved bits 100*", "7692/6.1 RSV1*"}},
	{"accepts RSV1 on continuations", []string{"7692/6.1 RSV1 on a*continuation*"}},
	{"accepts RSV1 on control frames", []string{"7692/6.1 RSV1*", "!*continuation*"}},
	{"accepts reserved opcodes", []string{"6455/5.2 reserved opcode*",
		// Those of control frames are still refused for being fragmented.
		"!6455/5.2 reserved opcode B with FIN 0", "!6455/5.2 reserved opcode C with FIN 0", "!6455/5.2 reserved opcode D with FIN 0",
		"!6455/5.2 reserved opcode E with FIN 0", "!6455/5.2 reserved opcode F with FIN 0"}},
	{"accepts frames of either masking", []string{"6455/5.1 *"}},
	{"masks the wrong way around", with(working, violations...)},
	{"accepts lengths that are not minimal", []string{"6455/5.2 not minimal*"}},
	{"sends a length of 16 bits for 125 bytes", []string{"6455/5.2 length 125 *"}},
	{"takes the most significant bit for a length", []string{"6455/5.2 length 0x8*", "6455/5.2 length 0xf*"}},
	{"accepts fragmented control frames", []string{"6455/5.5 * FIN 0*"}},
	{"accepts long control frames", []string{"6455/5.5 *", "!* FIN 0*"}},
	{"accepts continuations of nothing", []string{"6455/5.4 continuation *"}},
	{"accepts a new message within a message", []string{"6455/5.4 * within a * message*"}},
	{"has a limit for frames, not for messages", []string{"6455/10.4 limit passed by *", "!*one byte*", "!*compressed*"}},
	{"has a limit one byte too high", []string{"6455/10.4 limit passed by fragments", "6455/10.4 limit passed by a continuation*",
		"6455/10.4 limit passed by one byte*", "6455/10.4 limit passed by the last*", "6455/10.4 limit passed, by its header*"}},
	{"waits for the payload that is too big", []string{"6455/10.4 *by its header*", "6455/5.2 length 0x7f*", "6455/5.2 length 2^62*"}},
	{"answers pongs", []string{"6455/5.5.3 *", "6455/5.4 * pong between", "7692/6 ping while*"}},
	{"answers pings within a message when it is over", []string{"6455/5.5.2 * that is not going on", "6455/5.4 fragments that come late",
		"6455/5.5.1 close within a message, after a ping"}},
	{"answers pings with 124 bytes at most", []string{"6455/5.5.2 ping with 125 bytes", "6455/5.5.2 ping in single bytes",
		"6455/5.4 *ping of 125 bytes*", "6455/5.3 masked control frames", "7692/6 ping while*", "6455/10.4 limit reached by fragments, pings*"}},
	{"ignores pings", with(unanswered, "6455/4.1 pipelined *ping*", "6455/5.3 masked control frames")},
	{"drops empty messages", []string{"6455/5.2 length 0 *", "6455/5.2 length of nothing*", "6455/5.4 * fragments of 0 bytes, all",
		"6455/5.4 messages of all sizes*", "6455/5.4 thousand empty*", "7692/6 empty message, RSV1 0", "7692/7.1 offer *", "7692/5 offers *"}},
}

var textMutants = []mutant{
	{"does not check UTF-8", with(wrongText, "6455/8.1 invalid compressed*")},
	{"checks UTF-8 of whole messages", []string{"6455/8.1 fail fast*", "6455/8.1 split * after byte 3", "6455/8.1 split * after byte 4",
		"6455/8.1 split * after byte 5", "!6455/8.1 split truncated*"}},
	{"checks UTF-8 of whole frames", []string{"6455/8.1 fail fast in a *", "!*64 KiB*"}},
	{"checks the UTF-8 of each fragment by itself", []string{"6455/8.1 split after byte*", "6455/8.1 split into*", "6455/8.1 split with*",
		"6455/8.1 split, *", "!* byte 1", "!* byte 3", "!* byte 6", "!* byte 10"}},
	{"accepts surrogates", []string{"6455/8.1 invalid surrogate*", "6455/8.1 invalid text behind valid text", "6455/8.1 split surrogate*",
		"!*after byte 3"}},
	{"accepts overlong forms of 2 bytes", []string{"6455/8.1 invalid overlong* in 2", "6455/8.1 invalid impossible byte C*",
		"6455/8.1 invalid text after valid messages"}},
	{"accepts text that ends within a rune", []string{"6455/8.1 invalid end after*", "6455/8.1 rune cut*"}},
	{"does not check the UTF-8 of compressed text", []string{"6455/8.1 invalid compressed*"}},
	{"fails with 1002 for everything", with(with(wrongText, tooBig...), "6455/8.1 invalid compressed*")},
}

var closeMutants = []mutant{
	{"fails with 1008 for everything", violations},
	{"fails without a close frame", violations},
	{"accepts a close frame of one byte", []string{"6455/5.5.1 close with one byte*"}},
	{"accepts any reason", []string{"6455/5.5.1 close with a reason that is not*"}},
	{"accepts any close code", []string{"6455/7.4 * not allowed*"}},
	{"accepts close codes up to 2999", []string{"6455/7.4 close code 1* not allowed*", "6455/7.4 close code 2* not allowed*",
		"!* code 1 *", "!* code 255 *", "!* code 256 *"}},
	{"refuses close codes registered after the RFC", []string{"6455/7.4 close code 1012*", "6455/7.4 close code 1013*", "6455/7.4 close code 1014*"}},
	{"refuses close codes of applications", []string{"6455/7.4 close code 3*", "6455/7.4 close code 4*", "!* not allowed*"}},
	{"answers any close frame with 1000", []string{"6455/7.4 close code *", "!* not allowed*", "!6455/7.4 close code 1000*",
		"6455/5.5.1 close within a message, after a ping"}},
	{"answers a close frame without a code with 1005", []string{"6455/5.5.1 close without a code"}},
	{"answers close frames twice", working},
	{"does not answer close frames", working},
	{"leaves the connection open after the closing handshake", working},
	{"goes on after a close frame", with(working, "!6455/5.5.1 after a close, frames that are wrong")},
	{"delivers an unfinished message when it is closed", []string{"6455/5.5.1 close within a message*",
		"6455/5.5.1 close with one byte payload within a message"}},
}

var deflateMutants = []mutant{
	{"accepts parameters twice", []string{"7692/7.1 bad offer, *_* twice", "!* server_max_window_bits twice"}},
	{"accepts values where there are none", []string{"7692/7.1 bad offer, *_no_context_takeover with a*"}},
	{"accepts unknown parameters", []string{"7692/7.1 bad offer, an*", "7692/7.1 bad offer, a space in a name", "7692/7.1 bad offer, two semicolons"}},
	{"accepts window bits out of range", with(smallWindows, "7692/7.1 bad offer, *=7", "7692/7.1 bad offer, *=16", "7692/7.1 bad offer, *=0*",
		"7692/7.1 bad offer, *10", "7692/7.1 bad offer, *=99")},
	{"does not answer server_max_window_bits", smallWindows},
	{"promises a small window, and does not keep to it", with(smallWindows, "7692/5 offers in one field", "7692/5 offers in two fields",
		"7692/5 offers from the best*", "!* server_max_window_bits=8*")},
	{"does not confirm server_no_context_takeover", []string{"7692/7.1 offer server_no_context_takeover*", "7692/5 offers with parameters in another order"}},
	{"takes over its context without having agreed to", []string{"7692/7.1 offer *", "7692/5 offers *"}},
	{"promises to take over the context, and does not", []string{"7692/7.1 offer *", "7692/5 offers *", "7692/7.1.1 *", "7692/6 compressed and*",
		"!*client_no_context_takeover*", "!7692/5 offers from the best*", "!7692/5 offers with parameters*", "!7692/7.1.1 not before*", "!7692/7.1.1 a sender*"}},
	{"has a limit for what is compressed only", []string{"6455/10.4 limit passed * compressed *"}},
	{"delivers what it could decompress", []string{"7692/7.2.2 *", "7692/7.1.1 not before*", "!*dynamic block that is cut off"}},
	{"compresses nothing to nothing", []string{"7692/7.1 offer *", "7692/5 offers *", "7692/7.2.3.6 *"}},
	{"leaves the tail of compressed messages", []string{"7692/7.1 offer *", "7692/5 offers *", "7692/7.2 *", "7692/7.2.1 *",
		"7692/7.2.3*", "!7692/7.2.3.6 *", "7692/6.1 compressed *", "7692/6.2 *", "7692/6 compressed*", "7692/6 ping within*", "7692/7.1.1 *",
		"6455/10.4 limit reached by a compressed*"}},
}
