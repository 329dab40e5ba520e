package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// writeSection puts text between the marks that name a section of the file.
func writeSection(path, name, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin := fmt.Sprintf("<!-- begin %s -->\n", name)
	end := fmt.Sprintf("<!-- end %s -->\n", name)
	head, rest, ok1 := bytes.Cut(old, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(path, []byte(string(head)+begin+text+end+string(tail)), 0o644)
}

// conditions is the line that says when, on what and how a section was measured.
func conditions(how ...string) string {
	parts := []string{
		time.Now().Format(time.DateOnly),
		processor(),
		fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
	}
	return "*" + strings.Join(append(parts, how...), "; ") + ".*"
}

// processor names the machine as /proc/cpuinfo does.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // what is missing is not named
	name := "unknown CPU"
	for l := range strings.SplitSeq(string(info), "\n") {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
			name = strings.TrimSpace(v)
			break
		}
	}
	return fmt.Sprintf("%s, %d CPUs", name, runtime.NumCPU())
}

// versions returns the libraries that this program was built with.
func versions() []string {
	peers := []string{"gorilla/websocket", "coder/websocket", "gobwas/ws", "lxzan/gws"}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return peers
	}
	var found []string
	for _, p := range peers {
		for _, d := range info.Deps {
			if d.Path == "github.com/"+p {
				found = append(found, p+" "+d.Version)
			}
		}
	}
	return found
}
