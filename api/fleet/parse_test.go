package fleet

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/parse/refused.golden anew")

const parseDir = "testdata/parse"

// parsers by folder of testdata/parse.
var parsers = map[string]func(file string, data []byte) (any, error){
	"fleet":      func(f string, d []byte) (any, error) { return wrap(ParseFleet(f, d)) },
	"cluster":    func(f string, d []byte) (any, error) { return wrap(ParseCluster(f, d)) },
	"clusterset": func(f string, d []byte) (any, error) { return wrap(ParseClusterSet(f, d)) },
	"placement":  func(f string, d []byte) (any, error) { return wrap(ParsePlacement(f, d)) },
	"stub":       func(f string, d []byte) (any, error) { return wrap(ParseSealedManifest(f, d)) },
	"reference":  func(f string, d []byte) (any, error) { return wrap(ParseSealedReference(f, d)) },
}

// wrap keeps a nil pointer from becoming a non-nil any.
func wrap[T any](object *T, err error) (any, error) {
	if object == nil {
		return nil, err
	}
	return object, err
}

func readParseVectors(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(parseDir, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	vectors := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(parseDir, file)
		if err != nil {
			t.Fatal(err)
		}
		vectors[filepath.ToSlash(name)] = data
	}
	return vectors
}

// Every bad file has exactly its lines of refused.golden: file, line, field
// and problem.
func TestParseVectors(t *testing.T) {
	golden := filepath.Join(parseDir, "refused.golden")
	var got strings.Builder
	good, bad := 0, 0
	vectors := readParseVectors(t)
	for _, name := range slices.Sorted(maps.Keys(vectors)) {
		kind, file, _ := strings.Cut(name, "/")
		object, err := parsers[kind](name, vectors[name])
		if (object == nil) == (err == nil) {
			t.Errorf("%s: object %v and error %v", name, object, err)
		}
		if strings.HasPrefix(file, "ok-") {
			good++
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		bad++
		if err == nil {
			t.Errorf("%s: parsed", name)
			continue
		}
		if problem := new(
			ParseError,
		); !errors.As(err, &problem) || problem.File != name || problem.Line < 1 ||
			problem.Problem == "" {
			t.Errorf("%s: error %#v is no full ParseError", name, err)
		}
		fmt.Fprintln(&got, err)
	}
	if good < 8 || bad < 130 {
		t.Errorf("%d good and %d bad files: vectors are missing", good, bad)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}
