package channels

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

const canPoll = true

// A poller waits for the bytes of parked sockets, in one epoll set. The set's own
// descriptor is waited for by the runtime, so that no thread is held.
type poller struct {
	file *os.File
	conn syscall.RawConn
	done chan struct{} // closed when run has ended

	mu      sync.Mutex // guards what follows
	waiting []*Socket  // by their descriptors, which are small numbers
}

// newPoller returns nil when the system has no descriptor left.
func newPoller() *poller {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	syscall.SetNonblock(fd, true) // makes NewFile hand it to the runtime's poller
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil
	}
	go p.run() // close ends it and waits for it
	return p
}

// add waits for the bytes of s, once.
func (p *poller) add(s *Socket) (ok bool) {
	if fd, asleep := s.conn.hold(); asleep {
		defer s.conn.release()
		return p.wait(s, fd)
	}
	s.conn.raw.conn.Control(func(fd uintptr) { // which keeps it from being closed
		s.conn.raw.fd = int32(fd)
		ok = p.wait(s, fd)
	})
	return ok
}

func (p *poller) wait(s *Socket, fd uintptr) (ok bool) {
	p.mu.Lock()
	if grow := int(fd) + 1 - len(p.waiting); grow > 0 {
		p.waiting = append(p.waiting, make([]*Socket, grow)...)
	}
	p.waiting[fd] = s
	p.mu.Unlock()
	// A descriptor that is in the set already, disarmed, is armed again.
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(fd)}
	err := p.control(syscall.EPOLL_CTL_MOD, int(fd), &event)
	if err == syscall.ENOENT {
		err = p.control(syscall.EPOLL_CTL_ADD, int(fd), &event)
	}
	return err == nil
}

func (p *poller) control(op, fd int, event *syscall.EpollEvent) (err error) {
	if cerr := p.conn.Control(func(epoll uintptr) {
		err = syscall.EpollCtl(int(epoll), op, fd, event)
	}); cerr != nil {
		return cerr
	}
	return err
}

// remove forgets s. The system takes a descriptor out of the set when it is closed;
// its number may be another socket's by now.
func (p *poller) remove(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := s.conn.raw.fd; fd >= 0 && int(fd) < len(p.waiting) && p.waiting[fd] == s {
		p.waiting[fd] = nil
	}
}

// leave takes the descriptor of s, which has been in the set, out of it: it is about to
// be closed, but the set would keep it, as there is another for the same connection.
func (p *poller) leave(s *Socket) {
	if s.conn.raw.fd < 0 {
		return
	}
	p.remove(s)
	s.conn.raw.conn.Control(func(fd uintptr) { p.control(syscall.EPOLL_CTL_DEL, int(fd), nil) })
	s.conn.raw.fd = -1
}

// run wakes the sockets that bytes have come for, until the set is closed.
func (p *poller) run() {
	defer close(p.done)
	events := make([]syscall.EpollEvent, 256)
	for {
		n := 0
		err := p.conn.Read(func(epoll uintptr) bool {
			var err error
			for n, err = syscall.EpollWait(int(epoll), events, 0); err == syscall.EINTR; {
				n, err = syscall.EpollWait(int(epoll), events, 0)
			}
			return n > 0
		})
		if err != nil {
			return
		}
		for _, event := range events[:n] {
			p.mu.Lock()
			s := p.waiting[event.Fd]
			p.waiting[event.Fd] = nil
			p.mu.Unlock()
			if s != nil {
				s.conn.unpark()
			}
		}
		runtime.Gosched() // what has been woken may be parked again before more is
	}
}

func (p *poller) close() {
	p.file.Close()
	<-p.done
}
