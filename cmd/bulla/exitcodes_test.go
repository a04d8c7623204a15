package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

func TestTheTableOfExitCodesHasAllThatThereAre(t *testing.T) {
	var want, have []fault.Code
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			code, err := strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fault.Code(code))
		}
		return true
	})
	for _, row := range exitCodes {
		have = append(have, row.code)
	}
	if len(want) < 5 || !slices.Equal(have, want) {
		t.Errorf("the table has the codes %d, and package fault %d", have, want)
	}
}

// findings matches a command in a script that exits with 3: its words up to the
// first flag, file or other argument.
var findings = regexp.MustCompile(`(?m)^exitcode 3 bulla ([a-z]+(?: [a-z]+)?\b)(?:[ \n]|$)`)

func TestTheTableOfExitCodesNamesEachCommandThatHasFindings(t *testing.T) {
	root := newRoot(&app{&shell.Shell{}}, "bulla")
	row := exitCodes[slices.IndexFunc(exitCodes, func(r struct {
		code fault.Code
		when []string
	}) bool {
		return r.code == fault.Findings
	})]
	said := strings.Join(row.when, " ")
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range findings.FindAllStringSubmatch(string(text), -1) {
			cmd, _, err := root.Find(strings.Fields(line[1]))
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(cmd.CommandPath(), "bulla ")
			seen[name] = true
			if !strings.Contains(said, name) {
				t.Errorf("%s: %q exits with 3, and the table does not name it: %s", script, name, said)
			}
		}
	}
	for _, name := range []string{"validate", "status", "audit verify", "audit log", "audit who", "recover", "reseal"} {
		if !seen[name] {
			t.Errorf("no script has %q exit with 3", name)
		}
	}
}
