package compat

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// known are the packages that the documents' code may use, by name.
var known = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "io": "io", "log": "log",
	"netip": "net/netip", "netutil": "golang.org/x/net/netutil", "os": "os", "slog": "log/slog", "sql": "database/sql", "strings": "strings",
	"synctest": "testing/synctest", "testing": "testing", "time": "time", "url": "net/url",
	"auth":     "github.com/sluicehq/sluice/channels/auth",
	"channels": "github.com/sluicehq/sluice/channels",
	"routing":  "github.com/sluicehq/sluice/channels/routing",
	"sessions": "github.com/sluicehq/sluice/channels/sessions",
	"sqlauth":  "github.com/sluicehq/sluice/channels/auth/sqlauth",
	"sqlstore": "github.com/sluicehq/sluice/channels/sessions/sqlstore",
	"wstest":   "github.com/sluicehq/sluice/channels/wstest",
}

// A block is a piece of Go code of a document.
type block struct {
	where string // "file:line"
	code  string
}

// goBlocks returns the code between ```go and ``` in a Markdown file.
func goBlocks(t *testing.T, path string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		switch fence := strings.TrimRight(line, " \r\n"); {
		case !inside && fence == "```go":
			inside = true
			blocks = append(blocks, block{where: fmt.Sprintf("%s:%d", path, number+1)})
		case inside && fence == "```":
			inside = false
		case inside:
			blocks[len(blocks)-1].code += line
		}
	}
	return blocks
}

// The Go code in README.md and docs compiles. Blocks of one document build on one
// another. What a reader's own program has to bring is declared in testdata, in a file
// with the document's name.
func TestDocumentsCompile(t *testing.T) {
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, "../README.md")
	imports := exports(t)
	total := 0
	for _, path := range documents {
		t.Run(filepath.Base(path), func(t *testing.T) {
			blocks := goBlocks(t, path)
			total += len(blocks)
			d := document{t: t, fset: token.NewFileSet(), told: make(map[string]bool)}
			d.imports = importer.ForCompiler(d.fset, "gc", imports)
			prelude := filepath.Join("testdata", strings.TrimSuffix(filepath.Base(path), ".md")+".go")
			if text, err := os.ReadFile(prelude); err == nil {
				d.files = append(d.files, d.parse("//line "+prelude+":1\n"+string(text)))
			}
			d.check(blocks)
		})
	}
	if total == 0 {
		t.Error("no Go code was found")
	}
	t.Logf("%d blocks of Go in %d documents", total, len(documents))
}

// exports returns what reads the compiled form of the known packages.
func exports(t *testing.T) importer.Lookup {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, slices.Sorted(maps.Values(known))...)
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// A document is a package that its blocks make up.
type document struct {
	t       *testing.T
	fset    *token.FileSet
	imports types.Importer
	files   []*ast.File     // of declarations
	told    map[string]bool // errors
}

// check checks blocks: first those of declarations, which the others use, too.
func (d *document) check(blocks []block) {
	d.t.Helper()
	var statements []*ast.File
	for _, b := range blocks {
		line := "//line " + b.where + "\n"
		if _, err := parser.ParseFile(token.NewFileSet(), "", b.code, 0); err == nil { // a file of its own
			d.typeCheck([]*ast.File{d.parse(line + b.code)})
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package doc\n"+b.code, 0); err == nil {
			d.files = append(d.files, d.parse("package doc\n"+line+b.code))
			continue
		}
		// They may use a context and return an error.
		code := "package doc\nfunc _(ctx context.Context) error {\n" + line + b.code + "\nreturn nil\n}\n"
		statements = append(statements, d.parse(code))
	}
	d.typeCheck(d.files)
	for _, file := range statements {
		d.typeCheck(append(slices.Clip(d.files), file))
	}
}

// parse parses a file. One without imports imports what it uses of the known packages.
func (d *document) parse(code string) *ast.File {
	d.t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", code, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(file.Imports) > 0 {
		return d.parsed(code)
	}
	used := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && known[x.Name] != "" {
				used[known[x.Name]] = true
			}
		}
		return true
	})
	head, body, _ := strings.Cut(code, "package doc\n")
	head += "package doc;"
	for _, path := range slices.Sorted(maps.Keys(used)) {
		head += fmt.Sprintf("import %q;", path)
	}
	return d.parsed(head + "\n" + body)
}

func (d *document) parsed(code string) *ast.File {
	d.t.Helper()
	file, err := parser.ParseFile(d.fset, "", code, parser.SkipObjectResolution)
	if err != nil {
		d.t.Fatal(err)
	}
	return file
}

// typeCheck reports what is wrong with a package, once, but not that a variable is
// never used.
func (d *document) typeCheck(files []*ast.File) {
	d.t.Helper()
	config := types.Config{Importer: d.imports, Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); (!ok || !e.Soft) && !d.told[err.Error()] {
			d.told[err.Error()] = true
			d.t.Error(err)
		}
	}}
	config.Check("doc", d.fset, files, nil)
}
