// Bench measures Sluice beside its peers on the same work: README.md in this
// directory says how, and holds the tables. It needs Linux.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	var err error
	if role := os.Getenv(roleEnv); role != "" {
		err = runRole(role)
	} else {
		err = run(os.Args[1:], os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	runRE := flags.String("run", "", "run the scenarios that match this `regexp` (default all)")
	libRE := flags.String("lib", "", "run the libraries that match this `regexp` (default all)")
	withMicro := flags.Bool("micro", false, "run the Go benchmarks of the root module as well, as -table without -run does")
	list := flags.Bool("list", false, "print the scenarios and the libraries of each, and run none")
	write := flags.Bool("table", false, "write the tables into README.md")
	short := flags.Bool("short", false, "run the rows that tell most (see README.md), 9 rounds of 60 ms each, 1 about memory: some 12 minutes")
	quick := flags.Bool("quick", false, "smoke test: one short round of a few scenarios, at most 50 connections")
	rounds := flags.Int("rounds", 15, "rounds of each scenario")
	memRounds := flags.Int("memrounds", 3, "rounds of each scenario about memory")
	round := flags.Duration("round", 100*time.Millisecond, "CPU `time` of the server in one round")
	conns := flags.Int("conns", math.MaxInt, "at most this many connections per server")
	profile := flags.String("profile", "", "write a CPU profile of each server into this `directory`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	match, err := regexp.Compile(*runRE)
	if err != nil {
		return err
	}
	matchLib, err := regexp.Compile(*libRE)
	if err != nil {
		return err
	}
	p := plan{
		rounds: *rounds, memRounds: *memRounds, roundCPU: *round, maxConns: *conns,
		libraries: matchLib.MatchString, profileDir: *profile, log: log,
	}
	if *short {
		p.rounds, p.memRounds, p.roundCPU = 9, 1, 60*time.Millisecond
	}
	if *quick {
		p.rounds, p.memRounds, p.roundCPU, p.maxConns = 1, 1, 2*time.Millisecond, 50
	}
	if *profile != "" {
		if err := os.MkdirAll(*profile, 0o755); err != nil {
			return err
		}
	}
	all := scenarios()
	if *short {
		all = slices.DeleteFunc(all, func(s scenario) bool { return !shortScenarios.MatchString(s.name) })
	}
	p.inTable = make(map[*group]int)
	for _, s := range all {
		p.inTable[s.group]++
	}
	chosen := slices.DeleteFunc(all, func(s scenario) bool {
		return !match.MatchString(s.name) || *quick && *runRE == "" && !slices.Contains(quickScenarios, s.name)
	})
	if *list {
		for _, s := range chosen {
			fmt.Fprintf(out, "%s: %s\n", s.name, strings.Join(names(s.subjects()), ", "))
		}
		return nil
	}
	if err := campaign(p, chosen, *write, *libRE == "" && !*quick, out); err != nil {
		return err
	}
	if !*withMicro && (!*write || *runRE != "") {
		return nil
	}
	text, err := micro(*quick, log)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, text)
	if *write && !*quick {
		return writeSection(readme, microName, text)
	}
	return nil
}

// readme is where the tables are kept, seen from this directory.
const readme = "README.md"

// shortScenarios are the rows that tell most in a quarter of the time.
var shortScenarios = regexp.MustCompile(`^(` + strings.Join([]string{
	"echo/(32B|512B|4KiB|64KiB)/binary/100/(1|16)", "echo/512B/text/100/16",
	"echo/1MiB/binary/100/1", "echo/32B/text/1000/(1|16)",
	"stream/1MiB/binary/100/1",
	"handshake/(bare|gate)",
	"idle/(plain|tls)(/gate)?", "idle/plain/broadcast", "idle/parked/(5000|18000)", "idle/deflate/takeover",
	"broadcast/128B/1000/(1|16|1/stuck)", "broadcast/128B/10000/16", "broadcast/128B/18000/1/parked",
	"deflate/(message|takeover)/100/(1|16)",
}, "|") + `)$`)

// quickScenarios touch each kind of work once.
var quickScenarios = []string{
	"echo/32B/text/100/16",
	"echo/64KiB/binary/100/1",
	"stream/1MiB/binary/100/1",
	"handshake/bare",
	"handshake/gate",
	"idle/plain",
	"idle/tls",
	"broadcast/128B/1000/16",
	"broadcast/128B/1000/1/stuck",
	"deflate/message/100/1",
	"deflate/takeover/100/16",
}

// campaign measures the scenarios and prints the tables; complete ones go into
// the README.
func campaign(p plan, chosen []scenario, write, complete bool, out io.Writer) error {
	rows := make(map[*group][]row)
	var groups []*group
	var failed error
	for n, s := range chosen {
		fmt.Fprintf(p.log, "%d/%d %s\n", n+1, len(chosen), s.name)
		results, err := p.measure(s)
		if err != nil {
			failed = err // what has been measured before is shown, and written where it is complete
			break
		}
		if rows[s.group] == nil {
			groups = append(groups, s.group)
		}
		rows[s.group] = append(rows[s.group], row{s, results})
	}
	for _, g := range groups {
		text := section(g, rows[g], conditions(p.describe(g), strings.Join(versions(), ", ")))
		fmt.Fprintf(out, "%s\n", text)
		if !write {
			continue
		}
		if !complete || len(rows[g]) != p.inTable[g] {
			fmt.Fprintf(p.log, "%s: %d of %d scenarios were run, or not all libraries: README.md is left as it is\n", g.name, len(rows[g]), p.inTable[g])
			continue
		}
		if err := writeSection(readme, g.name, text); err != nil {
			return err
		}
	}
	return failed
}

// size returns how many scenarios the group has.
func (g *group) size() int {
	return len(slices.DeleteFunc(scenarios(), func(s scenario) bool { return s.group != g }))
}
