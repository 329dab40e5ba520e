package conform

import "fmt"

const (
	kib = 1 << 10
	mib = 1 << 20
)

// fragments is how many of them the suite puts into a message at most: many
// endpoints have a limit, and should.
const fragments = 1000

// largeCases are many bytes in odd pieces: RFC 6455, Section 5.4, lets fragments
// have any size, and TCP delivers what it likes.
func largeCases() []Case {
	const rule = "a large message is delivered as it was sent"
	var all []Case
	large := func(name string, write, size int, frames func() []frame) {
		c := built("6455/5.4 large "+name, rule, write, size, frames)
		c.heavy = true
		all = append(all, c)
	}
	for _, op := range kinds {
		name := kind(op)
		whole := func(n int) frame { return data(op, payload(op, n)) }
		for _, n := range []int{256 * kib, mib, 4 * mib, 16 * mib} {
			large(fmt.Sprintf("%s of %d KiB", name, n/kib), 0, n, func() []frame { return []frame{whole(n)} })
		}
		for _, size := range []int{64, 256, kib, 4 * kib, 64 * kib, 100_000} {
			n := min(mib, size*fragments)
			large(fmt.Sprintf("%s of %d bytes, fragments of %d", name, n, size), 0, n,
				func() []frame { return whole(n).split(size) })
		}
		for _, size := range []int{1, 2, 3, 7, 64, 997, 1460, 4096, 65537} {
			n := min(mib, size*5000)
			large(fmt.Sprintf("%s of %d bytes, writes of %d", name, n, size), size, n, func() []frame { return []frame{whole(n)} })
		}
		large(name+" in fragments of 4096 bytes, writes of 4095", 4095, mib, func() []frame { return whole(mib).split(4096) })
		large(name+" in fragments, pings between", 0, mib, func() []frame {
			return between(whole(mib).split(64*kib), func(i int) frame { return ping(fmt.Sprint(i)) })
		})
	}
	large("binary of 16 MiB in fragments of 1 MiB", 0, 16*mib, func() []frame { return binaryFrame(noise(16 * mib)).split(mib) })
	large("text with runes of four lengths, writes of 1021 bytes", 1021, mib, func() []frame {
		return []frame{text(repeat("a\u00e4\u20ac\U0001D11E", mib/10))}
	})
	return append(all, manyCases()...)
}

// manyCases are many messages, whose order counts.
func manyCases() []Case {
	const order = "messages are delivered in the order in which they were sent"
	thousand := many(1000, text)
	return []Case{
		echoes("6455/5.4 thousand messages at once", order, thousand...),
		echoes("6455/5.4 thousand empty messages at once", order, many(1000, func(string) frame { return text("") })...),
		chopped("6455/5.4 thousand messages, writes of 5 bytes", order, 5, thousand...),
		built("6455/5.4 messages of all sizes at once", order, 0, 64*kib, sizes),
		built("6455/5.4 messages of all sizes, writes of 1009 bytes", order, 1009, 64*kib, sizes),
	}
}

// sizes are messages of 0, 1, 1, 2, 3, 4, 7 … bytes, of both kinds in turn.
func sizes() []frame {
	var all []frame
	for i := range 17 {
		op := kinds[i%2]
		all = append(all, data(op, payload(op, 1<<i-1)), data(op, payload(op, 1<<i)))
	}
	return all
}
