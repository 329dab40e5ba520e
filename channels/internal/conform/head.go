package conform

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A head is the first part of an HTTP/1 message as it is on the wire: its first
// line and its fields in order, with the duplicates.
type head struct {
	start  string
	fields []field
	body   string // sent behind the head in the same write
}

type field struct{ name, value string }

// set replaces the fields of a name by one for each value; without values it
// removes them.
func (h *head) set(name string, values ...string) {
	h.fields = slices.DeleteFunc(h.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
	h.add(name, values...)
}

func (h *head) add(name string, values ...string) {
	for _, v := range values {
		h.fields = append(h.fields, field{name, v})
	}
}

// values returns all fields of a name.
func (h *head) values(name string) []string {
	var all []string
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			all = append(all, f.value)
		}
	}
	return all
}

// one returns the value of a field that must be there once.
func (h *head) one(name string) (string, error) {
	switch all := h.values(name); len(all) {
	case 0:
		return "", fmt.Errorf("no %s", name)
	case 1:
		return all[0], nil
	default:
		return "", fmt.Errorf("%d fields %s", len(all), name)
	}
}

// has reports whether the comma-separated list in the fields of a name has token,
// in any case.
func (h *head) has(name, token string) bool {
	for _, v := range h.values(name) {
		for item := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// bytes encodes the head and what is sent with it.
func (h *head) bytes() []byte {
	var b strings.Builder
	b.WriteString(h.start + "\r\n")
	for _, f := range h.fields {
		b.WriteString(f.name + ": " + f.value + "\r\n")
	}
	b.WriteString("\r\n" + h.body)
	return []byte(b.String())
}

// readHead reads up to the empty line, and returns what it has read beside the
// fields. It is stricter than a recipient has to be: lines end with CR LF, and a
// name is directly followed by a colon.
func readHead(r *bufio.Reader) (*head, []byte, error) {
	const most = 64 << 10
	var raw []byte
	for !strings.HasSuffix(string(raw[max(0, len(raw)-4):]), "\r\n\r\n") {
		b, err := r.ReadByte()
		if err != nil {
			if len(raw) > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, raw, err
		}
		if raw = append(raw, b); len(raw) > most {
			return nil, raw, errors.New("a head of more than 64 KiB")
		}
	}
	h := &head{}
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\r\n\r\n"), "\r\n") {
		if i == 0 {
			h.start = line
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return h, raw, fmt.Errorf("the line %q is no header field", line)
		}
		h.add(name, strings.Trim(value, " \t"))
	}
	return h, raw, nil
}

// isToken reports whether s is a token of RFC 9110, Section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// acceptFor is the Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key (RFC
// 6455, Section 4.2.2).
func acceptFor(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
