package channels

// A socketSet is a set of sockets as a list: small ones, which are nearly all, are
// searched, and need no more memory than the list.
type socketSet struct {
	list  []*Socket
	index map[*Socket]int // once there are many
	one   [1]*Socket      // where the list begins: most sets have one socket
}

const indexedFrom = 32

func (set *socketSet) find(s *Socket) int {
	if set.index != nil {
		if i, ok := set.index[s]; ok {
			return i
		}
		return -1
	}
	for i, t := range set.list {
		if t == s {
			return i
		}
	}
	return -1
}

func (set *socketSet) add(s *Socket) {
	if set.find(s) >= 0 {
		return
	}
	if set.list == nil {
		set.list = set.one[:0]
	}
	set.list = append(set.list, s)
	if len(set.list) > 1 {
		set.one[0] = nil // the list is elsewhere
	}
	if set.index != nil {
		set.index[s] = len(set.list) - 1
	} else if len(set.list) > indexedFrom {
		set.index = make(map[*Socket]int, 2*indexedFrom)
		for i, t := range set.list {
			set.index[t] = i
		}
	}
}

func (set *socketSet) remove(s *Socket) {
	i := set.find(s)
	if i < 0 {
		return
	}
	last := len(set.list) - 1
	moved := set.list[last]
	set.list[i], set.list[last] = moved, nil
	set.list = set.list[:last]
	if set.index != nil {
		set.index[moved] = i
		delete(set.index, s)
	}
}
