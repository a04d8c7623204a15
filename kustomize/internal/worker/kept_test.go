package worker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKustomizeKeepsNothingElseBetweenBuilds: builds that share a process rest on it. The
// list has every variable of kustomize's packages that a build could write to. All but the
// schemas, which [forget] forgets, are written once, as they are declared: whoever brings
// another version in looks through what is new, and then writes it down.
func TestKustomizeKeepsNothingElseBetweenBuilds(t *testing.T) {
	const form = "{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles \",\"}}"
	out, err := exec.Command("go", "list", "-deps", "-f", form, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	packages := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if !strings.HasPrefix(fields[0], "sigs.k8s.io/kustomize/") {
			continue
		}
		packages++
		for file := range strings.SplitSeq(fields[2], ",") {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(fields[1], file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range variables(parsed) {
				got = append(got, fields[0]+"."+name)
			}
		}
	}
	slices.Sort(got)
	want, err := os.ReadFile("testdata/kept.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(string(want)), got); diff != "" || packages < 30 {
		t.Errorf("of %d packages, what they keep (-looked through +is):\n%s", packages, diff)
	}
}

// variables are those of a file, but for errors and expressions, which nothing writes to.
func variables(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				if name.Name != "_" && !(i < len(v.Values) && constant(v.Values[i])) {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

func constant(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, _ := f.X.(*ast.Ident)
	return from != nil && slices.Contains([]string{"errors.New", "errors.Errorf", "fmt.Errorf", "regexp.MustCompile"},
		from.Name+"."+f.Sel.Name)
}
