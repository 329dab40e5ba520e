package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// goodbye is how long the end may take: draining the sockets, and the requests
// that are being answered.
const goodbye = 5 * time.Second

// A demo is the application with its listeners.
type demo struct {
	app  *app
	page net.Listener
	line net.Listener // nil: no line chat
	log  *slog.Logger
}

// open reads the key and binds the addresses; its errors are about the options.
func open(o options, log *slog.Logger) (_ *demo, err error) {
	d := &demo{log: log}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	keys, err := keyring(o.keyFile)
	if err != nil {
		return nil, err
	}
	if d.page, err = net.Listen("tcp", o.addr); err != nil {
		return nil, fmt.Errorf("%w (-addr sets the address)", err)
	}
	if o.chat != "" {
		if d.line, err = net.Listen("tcp", o.chat); err != nil {
			return nil, fmt.Errorf("%w (-chat sets the address)", err)
		}
	}
	var ready []readyAccount
	if onLoopback(d.page) && onLoopback(d.line) {
		ready = readyAccounts
	}
	if d.app, err = newApp(keys, ready, log); err != nil {
		return nil, err
	}
	if d.line != nil {
		host, port, _ := net.SplitHostPort(address(d.line))
		d.app.line = "nc " + host + " " + port
	}
	return d, nil
}

// keyring returns the keys in a file, or a random one in memory.
func keyring(file string) (sessions.Keyring, error) {
	if file != "" {
		return sessions.KeyFile(file)
	}
	key := make([]byte, 32)
	rand.Read(key)
	return sessions.NewKeyring(key)
}

// onLoopback reports whether only this machine reaches l.
func onLoopback(l net.Listener) bool {
	if l == nil {
		return true
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func (d *demo) close() {
	for _, l := range []net.Listener{d.page, d.line} {
		if l != nil {
			l.Close()
		}
	}
}

// describe prints where everything is.
func (d *demo) describe(w io.Writer) {
	fmt.Fprintf(w, "Sluice chat\n\n")
	fmt.Fprintf(w, "  page       http://%s/\n", address(d.page))
	if d.app.line != "" {
		fmt.Fprintf(w, "  line chat  %s\n", d.app.line)
	}
	for _, r := range d.app.ready {
		fmt.Fprintf(w, "  account    %s / %s\n", r.Name, r.Password)
	}
	fmt.Fprintf(w, "\nCtrl-C ends it.\n")
}

// address returns where a listener is reached: "localhost:8080".
func address(l net.Listener) string {
	addr := l.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsLoopback() || addr.IP.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// serve runs until ctx ends, and then says goodbye to everybody. Its error is that of
// a listener.
func (d *demo) serve(ctx context.Context) error {
	server := &http.Server{
		Handler: d.app.handler(),
		// For requests; a socket has left them when it is open.
		ReadTimeout:  10 * time.Second,
		WriteTimeout: 30 * time.Second,
		IdleTimeout:  time.Minute,
		ErrorLog:     slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	var listeners sync.WaitGroup
	failed := make(chan error, 2)
	listen := func(serve func() error) {
		listeners.Go(func() { // ends with its listener; waited for below
			if err := serve(); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, channels.ErrDraining) {
				failed <- err
			}
		})
	}
	listen(func() error { return server.Serve(d.page) })
	if d.line != nil {
		listen(func() error { return d.app.chat.Serve(d.line, d.app.lineChat(), d.app.chatter()) })
	}

	var err error
	select {
	case <-ctx.Done():
		d.log.Info("shutting down")
	case err = <-failed:
	}
	d.shutdown(server)
	listeners.Wait()
	return err
}

// shutdown lets everybody finish, but not for ever.
func (d *demo) shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	err := errors.Join(d.app.open.Shutdown(ctx), channels.ShutdownAll(ctx, server, &d.app.chat))
	if err != nil {
		d.log.Warn("some did not end in time", "error", err)
		server.Close()
	}
}
