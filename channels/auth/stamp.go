package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

// stampOf returns what a session keeps of a user's stamp: 128 bits of a hash, since
// a client can read its cookie. A password's encoded hash does not get out that
// way: to try a password one needs its salt. Without a stamp it is empty.
func stampOf[U Identity](u U) string {
	stamped, ok := any(u).(interface{ SessionStamp() string })
	if !ok {
		return ""
	}
	var buf [256]byte
	b := append(buf[:0], "sluice session stamp"...)
	id := u.UserID()
	b = binary.BigEndian.AppendUint32(b, uint32(len(id)))
	b = append(b, id...)
	b = append(b, stamped.SessionStamp()...)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// sameStamp compares in constant time.
func sameStamp(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
