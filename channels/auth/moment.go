package auth

import "time"

// A moment is a time in milliseconds since 1970; 0 stands for the zero time. A connection
// keeps some for as long as it lives, and a time.Time takes three times the room.
type moment int64

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(t.UnixMilli())
}

func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}

// earlier returns the earlier of two moments, of which 0 means never.
func earlier(a, b moment) moment {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// epoch is what is counted from where the clock may be set meanwhile.
var epoch = time.Now()
