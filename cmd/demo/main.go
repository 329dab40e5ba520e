// Demo is a chat on Sluice: a page with rooms, and a line chat for terminals.
//
//	go run ./cmd/demo
//
// prints the page's address and two accounts to log in with. Everything lives in
// memory. Other clients can use the same addresses as the page:
//
//	/                    the page
//	POST /signup         form fields username and password; logs in, too
//	POST /login          form fields username and password
//	POST /logout
//	POST /ticket         a ticket for the line chat, in place of a name and a password
//	GET /whoami          {"user":"alice"} or {"user":null}
//	/echo                WebSocket: an echo for everybody, up to 16 MiB
//	/ws/echo/NAME/       WebSocket: first {"user":…,"kwargs":{"name":NAME}}, then an echo
//	/ws/chat/ROOM/       WebSocket: the chat
//
// and the same rooms are open to nc at the -chat address. The code reads best in
// this order: app.go, chat.go, presence.go, site.go, linechat.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program, until ctx ends. It returns the exit code: 0, 2 for what
// the one who started it can mend, 1 for anything else.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	options, err := parseOptions(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return fail(stderr, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: options.level}))
	d, err := open(options, log)
	if err != nil {
		return fail(stderr, err)
	}
	d.describe(stdout)
	if err := d.serve(ctx); err != nil {
		log.Error("demo ended", "error", err)
		return 1
	}
	return 0
}

func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "demo: %v\n", err)
	return 2
}
