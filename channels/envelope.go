package channels

import (
	"encoding/binary"
	"time"
)

// What a Server publishes to a [Layer] is an envelope:
//
//	byte  0      1, the version of this format
//	byte  1      kind
//	bytes 2–9    id of the sequence that the message is of: random
//	bytes 10–17  number in that sequence, from 1
//	the rest     body
//
// Integers are big-endian. What is not of this form is ignored. A body is:
//
//	't', 'b'  the payload of a broadcast, text or binary
//	'e'       an event: a byte for the length of its type, the type, the data
//	'd'       a disconnect: a byte for the length of the reason, the reason, the tag
//	'r'       a recheck: the tag
//	'a'       an announcement, which has no number of its own, but tells that of the
//	          last message: three times of 8 bytes, in milliseconds, since the first and
//	          since the last message of the sequence, and since its publisher was last
//	          cut off
//
// Topics are "group:" and a group's name, and "disconnect". What is on "presence:" and
// a group's name has a form of its own, and needs no numbers: it is said again anyway.
const (
	envelopeVersion = 1
	envelopeHeader  = 18

	kindText         = 't'
	kindBinary       = 'b'
	kindEvent        = 'e'
	kindDisconnect   = 'd'
	kindRecheck      = 'r'
	kindAnnouncement = 'a'
)

// maxNumber is far beyond what a sequence gets to.
const maxNumber = 1 << 53

func groupTopic(name string) string { return "group:" + name }

const disconnectTopic = "disconnect"

type envelope struct {
	kind   byte
	id     uint64
	number uint64
	body   []byte
}

// newEnvelope returns an envelope of kind without id, number and body, which has
// room for size bytes.
func newEnvelope(kind byte, size int) []byte {
	b := make([]byte, envelopeHeader, envelopeHeader+size)
	b[0], b[1] = envelopeVersion, kind
	return b
}

func setNumber(b []byte, id, number uint64) {
	binary.BigEndian.PutUint64(b[2:], id)
	binary.BigEndian.PutUint64(b[10:], number)
}

func parseEnvelope(b []byte) (e envelope, ok bool) {
	if len(b) < envelopeHeader || b[0] != envelopeVersion {
		return e, false
	}
	e.kind = b[1]
	e.id = binary.BigEndian.Uint64(b[2:])
	e.number = binary.BigEndian.Uint64(b[10:])
	e.body = b[envelopeHeader:]
	return e, e.number >= 1 && e.number <= maxNumber
}

// appendPrefixed appends s, of at most 255 bytes, behind a byte for its length.
func appendPrefixed(b []byte, s string) []byte {
	return append(append(b, byte(len(s))), s...)
}

// cutPrefixed takes such a string off the front of b.
func cutPrefixed(b []byte) (s string, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}

// announcementTimes are how long ago something happened, in whole milliseconds.
type announcementTimes struct{ first, last, cut time.Duration }

func newAnnouncement(id, last uint64, since announcementTimes) []byte {
	b := newEnvelope(kindAnnouncement, 24)
	setNumber(b, id, last)
	for _, d := range [...]time.Duration{since.first, since.last, since.cut} {
		b = binary.BigEndian.AppendUint64(b, uint64(max(d, 0).Milliseconds()))
	}
	return b
}

// parseTimes returns the times of an announcement. One of more than a year is as
// good as a year.
func (e *envelope) parseTimes() (since announcementTimes, ok bool) {
	if e.kind != kindAnnouncement || len(e.body) < 24 {
		return since, false
	}
	const year = 365 * 24 * time.Hour
	parse := func(b []byte) time.Duration {
		return time.Duration(min(binary.BigEndian.Uint64(b), uint64(year.Milliseconds()))) * time.Millisecond
	}
	return announcementTimes{parse(e.body), parse(e.body[8:]), parse(e.body[16:])}, true
}
