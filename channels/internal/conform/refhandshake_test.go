package conform_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
)

// A refServer is an echo server written straight from the RFCs to be right and
// easy to read, and able to have one defect. It shares no code with the suite.
type refServer struct {
	limit   int
	deflate bool
	defect  string
}

func (s *refServer) has(defect string) bool { return s.defect == defect }

func (s *refServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, header := s.check(r)
	if status != http.StatusSwitchingProtocols {
		for name, values := range header {
			w.Header()[name] = values
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	var answer strings.Builder
	answer.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(&answer)
	answer.WriteString("\r\n")
	conn.Write([]byte(answer.String()))

	in := buffered.Reader
	if s.has("loses what comes behind the handshake") {
		in = bufio.NewReader(conn)
	}
	e := &refEndpoint{
		refServer: s, conn: conn, in: in,
		deflate: header.Get("Sec-WebSocket-Extensions") != "",
	}
	e.serve()
}

// check returns 101 and the header of the answer, or a refusal.
func (s *refServer) check(r *http.Request) (int, http.Header) {
	h := http.Header{}
	upgrade := http.Header{"Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if s.has("says nothing of versions in a 426") {
		upgrade.Del("Sec-WebSocket-Version")
	}
	if s.has("says nothing of protocols in a 426") {
		upgrade.Del("Upgrade")
	}
	versions := r.Header["Sec-Websocket-Version"]
	keys := r.Header["Sec-Websocket-Key"]
	switch {
	case !r.ProtoAtLeast(1, 1) && !s.has("accepts HTTP/1.0"):
		return http.StatusUpgradeRequired, upgrade
	case r.Method != http.MethodGet && !s.has("accepts any method"):
		return http.StatusMethodNotAllowed, h
	case r.ContentLength != 0 && !s.has("accepts content"):
		return http.StatusBadRequest, h
	case !s.listed(r.Header["Connection"], "upgrade") && !s.has("does not look at Connection"):
		return http.StatusUpgradeRequired, upgrade
	case !s.listed(r.Header["Upgrade"], "websocket") && !s.has("does not look at Upgrade"):
		return http.StatusUpgradeRequired, upgrade
	case !s.versionRight(versions):
		if s.has("answers a wrong version with 400") {
			return http.StatusBadRequest, h
		}
		return http.StatusUpgradeRequired, upgrade
	case len(keys) != 1 && !(s.has("accepts two keys") && len(keys) > 1) && !s.has("accepts any key"):
		return http.StatusBadRequest, h
	}
	var key string
	if len(keys) > 0 {
		key = keys[0]
	}
	b, err := base64.StdEncoding.Strict().DecodeString(key)
	if s.has("hashes the key anew encoded") {
		b, err = base64.StdEncoding.DecodeString(key)
		key = base64.StdEncoding.EncodeToString(b)
	}
	if (err != nil || len(b) != 16 && !s.has("accepts keys of any length")) && !s.has("accepts any key") {
		return http.StatusBadRequest, h
	}
	if !s.subprotocolsRight(r.Header["Sec-Websocket-Protocol"]) {
		return http.StatusBadRequest, h
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	if answer := s.negotiate(r.Header["Sec-Websocket-Extensions"]); answer != "" {
		h.Set("Sec-WebSocket-Extensions", answer)
	}
	s.spoilAnswer(h, r)
	return http.StatusSwitchingProtocols, h
}

// spoilAnswer has the defects of an answer.
func (s *refServer) spoilAnswer(h http.Header, r *http.Request) {
	switch {
	case s.has("answers without Upgrade"):
		h.Del("Upgrade")
	case s.has("answers without Connection"):
		h.Del("Connection")
	case s.has("answers with a wrong Sec-WebSocket-Accept"):
		h.Set("Sec-WebSocket-Accept", r.Header.Get("Sec-WebSocket-Key"))
	case s.has("answers with a Content-Length"):
		h.Set("Content-Length", "0")
	case s.has("chooses a subprotocol of its own"):
		h.Set("Sec-WebSocket-Protocol", "chat")
	}
}

// listed reports whether the list in the fields has the token.
func (s *refServer) listed(fields []string, token string) bool {
	for _, item := range strings.Split(strings.Join(fields, ","), ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if item == token || strings.HasPrefix(item, token) && s.has("compares the beginning of tokens") {
			return true
		}
		if strings.Contains(item, token) && s.has("looks for tokens anywhere") {
			return true
		}
	}
	return false
}

func (s *refServer) versionRight(versions []string) bool {
	if s.has("accepts any version") {
		return true
	}
	if s.has("accepts lists of versions") {
		return s.listed(versions, "13")
	}
	return len(versions) == 1 && versions[0] == "13"
}

// subprotocolsRight reports whether all are tokens, and different.
func (s *refServer) subprotocolsRight(fields []string) bool {
	if fields == nil || s.has("does not look at subprotocols") {
		return true
	}
	var all []string
	for _, name := range strings.Split(strings.Join(fields, ","), ",") {
		name = strings.TrimSpace(name)
		if name == "" || len(name) > 1000 || len(all) == 32 || slices.Contains(all, name) ||
			strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) {
			return false
		}
		all = append(all, name)
	}
	return true
}

// ending is how the reference ends a connection: what is written goes out, what
// still comes is read, and the peer ends its side.
func ending(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	b := make([]byte, 4096)
	for {
		if _, err := conn.Read(b); err != nil {
			return
		}
	}
}
