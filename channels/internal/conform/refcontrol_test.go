package conform_test

import (
	"encoding/binary"
	"unicode/utf8"
)

// control handles a control frame; done is the end of the closing handshake.
func (e *refEndpoint) control(op byte, payload []byte) (done bool, err error) {
	switch op {
	case 8:
		return true, e.close(payload)
	case 9:
		e.ping(payload)
	case 10:
		if e.has("answers pongs") {
			e.write(0x8A, payload)
		}
	}
	return false, nil
}

func (e *refEndpoint) ping(payload []byte) {
	switch {
	case e.has("ignores pings"):
	case e.has("answers pings within a message when it is over") && e.begun:
		e.late = append(e.late, payload)
	case e.has("answers pings with an empty payload"):
		e.write(0x8A, nil)
	case e.has("answers pings with 124 bytes at most"):
		e.write(0x8A, payload[:min(124, len(payload))])
	default:
		e.write(0x8A, payload)
	}
}

// answerLate sends the pongs that a defect has put off.
func (e *refEndpoint) answerLate() {
	for _, payload := range e.late {
		e.write(0x8A, payload)
	}
	e.late = nil
}

// close answers a close frame (RFC 6455, Section 5.5.1).
func (e *refEndpoint) close(payload []byte) error {
	if e.has("delivers an unfinished message when it is closed") && e.begun {
		e.send(e.message)
	}
	if len(payload) == 1 && !e.has("accepts a close frame of one byte") {
		return &failure{1002, "close frame of one byte"}
	}
	if len(payload) >= 2 {
		code := binary.BigEndian.Uint16(payload)
		if !e.codeRight(code) {
			return &failure{1002, "close code"}
		}
		if !utf8.Valid(payload[2:]) && !e.has("accepts any reason") {
			return &failure{1007, "reason that is not UTF-8"}
		}
		payload = payload[:2]
	} else {
		payload = nil
	}
	switch {
	case e.has("does not answer close frames"):
	case e.has("answers any close frame with 1000"):
		e.write(0x88, []byte{0x03, 0xE8})
	case e.has("answers a close frame without a code with 1005") && payload == nil:
		e.write(0x88, []byte{0x03, 0xED})
	case e.has("answers close frames twice"):
		e.write(0x88, payload)
		e.write(0x88, payload)
	default:
		e.write(0x88, payload)
	}
	if e.has("goes on after a close frame") {
		e.begun = false
		for {
			if _, err := e.frame(); err != nil {
				return nil
			}
		}
	}
	return nil
}

func (e *refEndpoint) codeRight(code uint16) bool {
	switch {
	case e.has("accepts any close code"):
		return true
	case e.has("accepts close codes up to 2999"):
		return code >= 1000 && code < 5000
	case e.has("refuses close codes registered after the RFC"):
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1011 || code >= 3000 && code < 5000
	case e.has("refuses close codes of applications"):
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014
	}
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code < 5000
}

// send echoes a message: compressed, where it came compressed.
func (e *refEndpoint) send(data []byte) error {
	op := e.op
	if op == 0 {
		op = 2
	}
	if e.has("echoes text as binary") {
		op = 2
	}
	if e.compressed {
		packed, err := e.packed(data)
		if err != nil {
			return err
		}
		e.write(0x80|0x40|op, packed)
		return nil
	}
	switch {
	case e.has("echoes in fragments that all begin a message") && len(data) > 1:
		e.write(op, data[:1])
		e.write(0x80|op, data[1:])
	case e.has("echoes in fragments of which none is the last") && len(data) > 1:
		e.write(op, data[:1])
		e.write(0, data[1:])
	case e.has("echoes with a reserved bit") && len(data) > 1000:
		e.write(0x80|0x10|op, data)
	case e.has("drops empty messages") && len(data) == 0:
	case e.has("sends a length of 16 bits for 125 bytes") && len(data) == 125:
		e.writeAs(16, 0x80|op, data)
	default:
		e.write(0x80|op, data)
	}
	return nil
}

// write sends a frame of which first is the first byte.
func (e *refEndpoint) write(first byte, payload []byte) {
	form := 64
	switch n := len(payload); {
	case n < 126:
		form = 7
	case n < 1<<16:
		form = 16
	}
	e.writeAs(form, first, payload)
}

// writeAs sends a frame with a length of form bits.
func (e *refEndpoint) writeAs(form int, first byte, payload []byte) {
	masked := e.client != e.has("masks the wrong way around")
	var mask byte
	if masked {
		mask = 0x80
	}
	b := []byte{first}
	switch form {
	case 7:
		b = append(b, mask|byte(len(payload)))
	case 16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(len(payload)))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(len(payload)))
	}
	start := len(b)
	if masked {
		if !e.has("masks with the same key always") {
			e.keys += 0x9E3779B9
		}
		b = binary.BigEndian.AppendUint32(b, e.keys)
		start += 4
	}
	b = append(b, payload...)
	if masked {
		h := header{key: [4]byte(b[start-4 : start])}
		unmask(b[start:], h, 0)
	}
	e.conn.Write(b)
}
