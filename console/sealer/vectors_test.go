package sealer_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/browser"
)

const (
	vectorFiles = "../../sealing/testdata/vectors/*.json"
	// vectorTests are those of package sealing that read vectors; the rest would take minutes there.
	vectorTests = "^(TestVectors|TestRFC9180.*|TestHybridVectors.*|TestCCTV.*|TestThereAreVectors)$"
	// minAge is how many files of age C2SP's collection has, each of which three tests open.
	minAge = 3 * 147
)

// TestVectorsHoldInABrowser runs the vectors of package sealing in a real Chromium, compiled
// as the sealer is: arithmetic, random numbers and memory are another machine's there.
func TestVectorsHoldInABrowser(t *testing.T) {
	program := sealingTests(t)
	began := time.Now()
	ran := run(t, program, "-test.v", "-test.run="+vectorTests)
	t.Logf("%d tests in %.1f s", len(ran.results), time.Since(began).Seconds())
	if ran.Code != 0 {
		t.Errorf("it ends with %d: %s", ran.Code, ran.failed())
	}
	ages := 0
	for name, result := range ran.results {
		if result != "PASS" {
			t.Errorf("%s: %s", result, name)
		}
		if strings.HasPrefix(name, "TestCCTV") && strings.Contains(name, "/") {
			ages++
		}
	}
	if ages < minAge {
		t.Errorf("age's vectors were opened %d times, want %d", ages, minAge)
	}
	files := vectors(t)
	for _, want := range append(files, "TestRFC9180VectorsThroughAKeyExchanger/aead_1",
		"TestRFC9180VectorsThroughAKeyExchanger/aead_2", "TestHybridVectorsThroughAKeyExchanger",
		"TestThereAreVectors") {
		if ran.results[want] == "" {
			t.Errorf("%s did not run", want)
		}
	}
}

// calls is how often a vector asks the token: at most once.
var calls = regexp.MustCompile(`("tokenCalls": )[01]`)

// TestAWrongVectorIsSeenInABrowser: one byte of one vector is another, and that one fails.
func TestAWrongVectorIsSeenInABrowser(t *testing.T) {
	program := sealingTests(t)
	name := vectors(t)[0]
	vector, err := os.ReadFile(filepath.Join(filepath.Dir(vectorFiles), strings.TrimPrefix(name, "TestVectors/")))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(program, vector); n != 1 {
		t.Fatalf("%s is in the program %d times", name, n)
	}
	wrong := calls.ReplaceAll(vector, []byte("${1}9"))
	ran := run(t, bytes.Replace(program, vector, wrong, 1), "-test.v", "-test.run=^TestVectors$")
	var failed []string
	for name, result := range ran.results {
		if result == "FAIL" && strings.Contains(name, "/") {
			failed = append(failed, name)
		}
	}
	if diff := cmp.Diff([]string{name}, failed); diff != "" || ran.Code == 0 {
		t.Errorf("it ends with %d, and fails (-want +got):\n%s", ran.Code, diff)
	}
}

// vectors are the names of the tests of sealing's own vectors.
func vectors(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(vectorFiles)
	if err != nil || len(files) < 100 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for i, file := range files {
		files[i] = "TestVectors/" + filepath.Base(file)
	}
	return files
}

// sealingTests builds the tests of package sealing as `make sealer` builds the sealer.
func sealingTests(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sealing.wasm")
	build := exec.Command("go", "test", "-c", "-trimpath", "-gcflags=all=-l", "-ldflags=-s -w", "-o", file,
		"github.com/bulla-dev/bulla/sealing")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the tests for a browser: %v\n%s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// ended is what a page says of a test program.
type ended struct {
	Said string
	Code int

	results map[string]string
}

// result is a line of a test's end, with the test's whole name.
var result = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+)`)

func (e ended) failed() string {
	_, said, _ := strings.Cut(e.Said, "--- FAIL")
	return said[:min(len(said), 4000)]
}

// run runs a test program in Chromium, by the glue that the sealer has.
func run(t *testing.T, program []byte, args ...string) ended {
	t.Helper()
	b := browser.ForTest(t)
	dir, err := packed()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir("testdata/vectors")))
	mux.HandleFunc("/"+static.Glue, func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(dir, static.Glue))
	})
	mux.HandleFunc("/sealing.wasm", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/wasm")
		_, _ = w.Write(program)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.Open(t, server.URL+"/")
	var e ended
	b.Must(t, &e, "ran('sealing.wasm', '"+strings.Join(args, "', '")+"')")
	e.results = map[string]string{}
	for _, line := range result.FindAllStringSubmatch(e.Said, -1) {
		e.results[line[2]] = line[1]
	}
	return e
}
