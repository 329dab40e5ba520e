package natslayer

import (
	"cmp"
	"net"

	"github.com/nats-io/nats.go"
)

// A dialer closes the last connection before it makes another. The client library
// forgets one that was taken but led nowhere, as a proxy's whose server is down, and
// tries again: until the garbage collector comes by, each attempt costs a descriptor.
// It calls Dial for one connection at a time.
type dialer struct {
	nats.CustomDialer
	last net.Conn
}

// newDialer returns one in place of what the options have.
func newDialer(options *nats.Options) *dialer {
	if options.CustomDialer != nil {
		return &dialer{CustomDialer: options.CustomDialer}
	}
	d := *cmp.Or(options.Dialer, &net.Dialer{Timeout: options.Timeout})
	if options.AllowMultipathTCP != nil {
		d.SetMultipathTCP(*options.AllowMultipathTCP)
	}
	return &dialer{CustomDialer: &d}
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	if d.last != nil {
		d.last.Close()
	}
	var err error
	d.last, err = d.CustomDialer.Dial(network, address)
	return d.last, err
}

// SkipTLSHandshake is what a dialer of the options may have.
func (d *dialer) SkipTLSHandshake() bool {
	skip, ok := d.CustomDialer.(interface{ SkipTLSHandshake() bool })
	return ok && skip.SkipTLSHandshake()
}
