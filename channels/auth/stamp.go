package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

// stampLen is the length of what a session keeps of a stamp: 128 bits in base64.
const stampLen = 22

// stampOf returns what a session keeps of a user's stamp: a hash, since a client can
// read its cookie. A password's encoded hash does not get out that way: to try a password
// one needs its salt. Without a stamp it is empty.
func stampOf[U Identity](u U) string {
	if stamp, ok := hashStamp(u); ok {
		return string(stamp[:])
	}
	return ""
}

// hasStamp reports whether a user's stamp is what a session keeps, in constant time.
func hasStamp[U Identity](u U, stamp string) bool {
	now, ok := hashStamp(u)
	if !ok {
		return stamp == ""
	}
	return subtle.ConstantTimeCompare(now[:], []byte(stamp)) == 1
}

// A stamped user has a stamp.
type stamped interface{ SessionStamp() string }

func hashStamp[U Identity](u U) (stamp [stampLen]byte, ok bool) {
	if _, ok := any(u).(stamped); !ok {
		return stamp, false // most have none, and need not be on the heap
	}
	hashStampOf(u, &stamp)
	return stamp, true
}

func hashStampOf[U Identity](u U, stamp *[stampLen]byte) {
	var buf [256]byte
	b := append(buf[:0], "sluice session stamp"...)
	id := u.UserID()
	b = binary.BigEndian.AppendUint32(b, uint32(len(id)))
	b = append(b, id...)
	b = append(b, any(u).(stamped).SessionStamp()...)
	sum := sha256.Sum256(b)
	base64.RawURLEncoding.Encode(stamp[:], sum[:16])
}
