package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
)

// options are the command line's.
type options struct {
	addr    string
	chat    string
	keyFile string
	level   slog.Level
}

// parseOptions reads the command line. After -h, which has printed the help, the
// error is flag.ErrHelp.
func parseOptions(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is one line, not the whole help
	flags.StringVar(&o.addr, "addr", "localhost:8080", "`address` of the page and the WebSockets")
	flags.StringVar(&o.chat, "chat", "", "TCP `address` of the line chat, for nc; none when empty. "+
		"Passwords travel as plain text")
	flags.StringVar(&o.keyFile, "key-file", "", "`file` of the key that signs the sessions, made on first use, "+
		"so that they survive a restart; a random key when empty")
	flags.TextVar(&o.level, "log", slog.LevelInfo, "least `level` that is logged: debug, info, warn or error")

	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "Demo is a chat on Sluice: a page with rooms, and a line chat for terminals.")
		fmt.Fprintln(stdout)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w (-h prints the flags)", err)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q (-h prints the flags)", flags.Arg(0))
	}
	return o, nil
}
