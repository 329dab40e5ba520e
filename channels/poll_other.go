//go:build !linux

package channels

const canPoll = false

type poller struct{}

func newPoller() *poller { return nil }

func (*poller) add(*Socket) bool { return false }

func (*poller) remove(*Socket) {}

func (*poller) leave(*Socket) {}

func (*poller) close() {}
