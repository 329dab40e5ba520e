package deflate

// Kept returns how many bytes w holds on to.
func (w *Window) Kept() int { return cap(w.history) }

// Remember makes past what was in the last messages that were decompressed.
func (w *Window) Remember(past []byte) { w.keep(past, maxWindow) }

// TableEntries returns how much of its array the table of literals with these code
// lengths takes.
func TableEntries(lens []int) int { return tableEntries(lens, litMeaning[:], maxLitEntries, litBits) }

// DistTableEntries does the same for distances.
func DistTableEntries(lens []int) int {
	return tableEntries(lens, distMeaning[:], maxDistEntries, distBits)
}

func tableEntries(lens []int, meaning []entry, size int, bits uint) int {
	var used []codeLen
	for s, n := range lens {
		if n > 0 {
			used = append(used, codeLen(s<<4|n))
		}
	}
	var t table
	entries := make([]entry, size)
	if !t.build(entries, used, meaning, bits) {
		return 0
	}
	for size > 0 && entries[size-1] == 0 {
		size--
	}
	return size
}
