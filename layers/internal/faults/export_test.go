package faults

// Examine is examine, with the messages that were not taken.
func Examine(events []string, refused map[int]bool) (missing, gaps int, err error) {
	taken := map[int]bool{}
	for i := range 100 {
		taken[i] = !refused[i]
	}
	found, err := examine(events, taken, true)
	return found.missing, found.gaps, err
}
