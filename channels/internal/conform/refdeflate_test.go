package conform_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strconv"
	"strings"
	"sync"
)

// negotiate answers offers of permessage-deflate that need neither context
// takeover nor a smaller window of this server: RFC 7692, Section 7.1.
func (s *refServer) negotiate(fields []string) string {
	if !s.deflate {
		return ""
	}
	for _, offer := range splitOutsideQuotes(strings.Join(fields, ","), ',') {
		if answer := s.accept(splitOutsideQuotes(offer, ';')); answer != "" {
			return answer
		}
	}
	return ""
}

// accept returns the answer to an offer, "" to decline it.
func (s *refServer) accept(params []string) string {
	if strings.TrimSpace(params[0]) != "permessage-deflate" {
		return ""
	}
	seen := map[string]bool{}
	answer := "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	if s.has("promises to take over the context, and does not") {
		answer = "permessage-deflate; server_no_context_takeover"
	}
	for _, param := range params[1:] {
		name, value, valued := strings.Cut(param, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if seen[name] && !s.has("accepts parameters twice") {
			return ""
		}
		switch seen[name] = true; name {
		case "server_no_context_takeover":
			if valued && !s.has("accepts values where there are none") {
				return ""
			}
			if s.has("does not confirm server_no_context_takeover") {
				answer = "permessage-deflate; client_no_context_takeover"
			}
		case "client_no_context_takeover":
			if valued && !s.has("accepts values where there are none") {
				return ""
			}
		case "server_max_window_bits":
			if !s.windowRight(value) {
				return ""
			}
			if value == "15" || s.has("promises a small window, and does not keep to it") && value != "8" {
				answer += "; server_max_window_bits=" + value
			} else if !s.has("accepts window bits out of range") && !s.has("does not answer server_max_window_bits") {
				return ""
			}
		case "client_max_window_bits":
			if valued && !s.windowRight(value) {
				return ""
			}
		default:
			if !s.has("accepts unknown parameters") {
				return ""
			}
		}
	}
	if s.has("answers client_max_window_bits that was not offered") && !seen["client_max_window_bits"] {
		answer += "; client_max_window_bits=15"
	}
	return answer
}

// windowRight reports whether value is a number from 8 to 15.
func (s *refServer) windowRight(value string) bool {
	n, err := strconv.Atoi(value)
	if s.has("accepts window bits out of range") {
		return err == nil
	}
	return err == nil && n >= 8 && n <= 15 && strconv.Itoa(n) == value
}

// splitOutsideQuotes splits at sep; what is wrong is left for others to see.
func splitOutsideQuotes(s string, sep rune) []string {
	quoted := false
	var all []string
	start := 0
	for i, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case r == sep && !quoted:
			all = append(all, s[start:i])
			start = i + 1
		}
	}
	return append(all, s[start:])
}

// unpack decompresses a message (RFC 7692, Section 7.2.2).
func (e *refEndpoint) unpack(b []byte) ([]byte, error) {
	// The tail that was removed, and a final block to find the end by.
	in := bytes.NewReader(append(b[:len(b):len(b)], "\x00\x00\xFF\xFF\x01\x00\x00\xFF\xFF"...))
	var out bytes.Buffer
	for in.Len() > 0 {
		reader := inflaters.Get().(io.ReadCloser)
		reader.(flate.Resetter).Reset(in, nil)
		n, err := io.Copy(&out, io.LimitReader(reader, int64(e.limit-out.Len())+1))
		inflaters.Put(reader)
		if out.Len() > e.limit && !e.has("has a limit for what is compressed only") {
			return nil, &failure{1009, "message too big"}
		}
		if err != nil {
			if e.has("delivers what it could decompress") {
				break
			}
			return nil, &failure{1007, "compressed data"}
		}
		if n == 0 && in.Len() == 0 {
			break
		}
		if out.Len() > e.limit {
			break
		}
	}
	return out.Bytes(), nil
}

// unpackBeginning decompresses what has come of a message.
func (e *refEndpoint) unpackBeginning() []byte {
	b, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(e.message)), 1000))
	return b
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// A packer compresses messages.
type packer struct {
	out bytes.Buffer
	w   *flate.Writer
}

var packers = sync.Pool{New: func() any {
	p := &packer{}
	p.w, _ = flate.NewWriter(&p.out, flate.BestSpeed)
	return p
}}

// packed compresses a message (RFC 7692, Section 7.2.1).
func (e *refEndpoint) packed(data []byte) ([]byte, error) {
	if len(data) == 0 && !e.has("compresses nothing to nothing") {
		return []byte{0}, nil
	}
	if len(data) == 0 {
		return nil, nil
	}
	p := e.pack
	if p == nil {
		p = packers.Get().(*packer)
		p.w.Reset(&p.out)
	}
	if e.has("takes over its context without having agreed to") {
		e.pack = p
	} else {
		defer packers.Put(p)
	}
	p.out.Reset()
	p.w.Write(data)
	p.w.Flush()
	b := bytes.Clone(p.out.Bytes())
	if e.has("leaves the tail of compressed messages") {
		return b, nil
	}
	return bytes.TrimSuffix(b, []byte{0, 0, 0xFF, 0xFF}), nil
}
