// Cluster is a chat on three processes behind a reverse proxy: whichever serves a page,
// its users are in one room, and who logs out is out everywhere.
//
//	go run .                  # over NATS, which runs inside this program
//	go run . -layer redis     # over Redis; starts redis-server
//
// It is one program in two roles. The one that is started has the broker, the proxy and
// the database's file, and starts itself again, as "cluster node …", for each process
// that serves (supervise.go). What a process of a real cluster does is in node.go and
// chat.go; the rest is what elsewhere an orchestrator, a load balancer and a database
// server do.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	var err error
	if len(os.Args) > 1 && os.Args[1] == "node" {
		err = nodeMain(ctx, os.Args[2:])
	} else {
		err = clusterMain(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	addr  string
	layer string
	url   string
	nodes int
}

func clusterMain(ctx context.Context) error {
	var o options
	flag.StringVar(&o.addr, "addr", "localhost:8080", "`address` of the proxy, where the page is")
	flag.StringVar(&o.layer, "layer", "nats", "what connects the processes: nats or redis")
	flag.StringVar(&o.url, "url", "", "`URL` of a broker that is there already; one is started when empty")
	flag.IntVar(&o.nodes, "nodes", 3, "how many processes serve")
	flag.Parse()
	c, err := open(o, slog.Default())
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Printf("http://%s/ is served by %d processes over %s. Accounts: ", c.addr(), o.nodes, o.layer)
	for name, password := range accountsToTry {
		fmt.Printf("%s / %s  ", name, password)
	}
	fmt.Println("\nCtrl-C ends it.")
	return c.serve(ctx)
}
