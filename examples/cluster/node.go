package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/auth/sqlauth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// nodeMain is the program in its second role: a process that serves, until ctx ends or
// its standard input does.
func nodeMain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	name := flags.String("name", "", "")
	file := flags.String("db", "", "")
	kind := flags.String("layer", "", "")
	url := flags.String("url", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with the process
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()

	layer, err := connect(*kind, *url)
	if err != nil {
		return err
	}
	defer layer.Close()
	db, err := openDatabase(*file)
	if err != nil {
		return err
	}
	defer db.Close()
	a, err := newApp(fmt.Sprintf("%s (process %d)", *name, os.Getpid()), db, layer)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: a.handler()}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ended by ShutdownAll
	fmt.Println(listener.Addr())

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	os.Stdout.Close() // the proxy leaves us alone from here on
	end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, channels.ShutdownAll(end, server, &a.srv))
}

// An app is the chat, as each of the processes has it.
type app struct {
	name     string // of the process
	db       *database
	sessions sessions.Manager
	gate     auth.Gate[account]
	srv      channels.Server
}

func newApp(name string, db *database, layer channels.Layer) (*app, error) {
	store, err := sqlstore.New(db.DB, sqlstore.SQLite)
	if err != nil {
		return nil, err
	}
	revoked, err := sqlauth.New(db.DB, sqlstore.SQLite)
	if err != nil {
		return nil, err
	}
	a := &app{name: name, db: db}

	// What all processes share: where sessions are, what was revoked, and the layer, which
	// carries what is said in groups, who is there, and what a logout closes.
	a.sessions.Store = store
	a.gate.Revocations = revoked
	a.srv.Layer = layer

	a.gate.Backends = []auth.Backend[account]{db}
	a.gate.Revoker = &a.srv
	a.srv.Upgrader.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	a.srv.DrainWindow = 2 * time.Second
	a.srv.Heartbeat = time.Second // who was here on a process that is killed is gone 4 s later
	return a, nil
}
