package sealing_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	browserImports = "testdata/browser/imports.txt"
	// maxBrowserSize bounds, in bytes, the program that a page would load, unpacked.
	maxBrowserSize = 8 << 20
)

// forbiddenInABrowser are packages of the standard library that are large, or that
// nothing that seals has a use for.
var forbiddenInABrowser = []string{"net/http", "crypto/tls", "net/rpc", "text/template", "html/template",
	"encoding/xml", "encoding/gob",
	"database/sql", "go/ast", "log/slog", "testing", "archive/zip", "compress/gzip", "mime/multipart", "expvar", "image"}

func forBrowser(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", args, err, stderr.String())
	}
	return out
}

// TestABrowserCarriesTheseAndNoMore: each package in the list is loaded by every
// page that seals, and read by whoever reviews what stands beside a value.
func TestABrowserCarriesTheseAndNoMore(t *testing.T) {
	var got []string
	for line := range strings.Lines(string(forBrowser(t, "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", "."))) {
		standard, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case standard == "false":
			got = append(got, path)
		case slices.Contains(forbiddenInABrowser, path):
			t.Errorf("sealing brings %s into the browser", path)
		}
	}
	slices.Sort(got)
	want, err := os.ReadFile(browserImports)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(string(want)), got); diff != "" {
		t.Errorf("sealing imports (-%s +now):\n%s", browserImports, diff)
	}
}

// browserProgram builds the program, as a release would.
func browserProgram(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seal.wasm")
	forBrowser(t, "build", "-trimpath", "-ldflags=-s -w", "-o", file, "../fixtures/wasmseal")
	return file
}

func TestWhatABrowserSealsOpens(t *testing.T) {
	w, root := newWorld(t, api.SuiteHybrid), newRoot(t)
	spec := signedFleet(t, root)
	spec.SealingKeys, spec.RecoveryRecipients, spec.LogKey = []api.SealingKey{w.key.Record(keyID)},
		[]string{w.recovery.Recipient()}, ""
	if err := sealing.SignFleet(spec, "acme", root); err != nil {
		t.Fatal(err)
	}
	fleet, err := json.Marshal(api.Fleet{TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindFleet},
		Metadata: api.Metadata{Name: "acme"}, Spec: *spec})
	if err != nil {
		t.Fatal(err)
	}
	const value = "correct horse battery staple"
	job, err := json.Marshal(map[string]any{"Fleet": string(fleet),
		"RootKey": sealing.VerifierKey("acme", &root.PublicKey),
		"Target":  "set/retail", "Name": "db", "Namespace": "shop", "Values": map[string]string{"password": value}})
	if err != nil {
		t.Fatal(err)
	}
	stub, err := api.ParseSealedManifest("stub", runInNode(t, browserProgram(t), job))
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealing.ContextOf(spec.ID, stub, 0, "shop", "db")
	if err != nil {
		t.Fatal(err)
	}
	block := &stub.Spec.Blocks[0]
	got, err := w.open(t, c, block, block.Locks[0])
	want := map[string]string{"/data/password": base64.StdEncoding.EncodeToString([]byte(value))}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// runInNode runs a program as a browser would, without the page.
func runInNode(t *testing.T, program string, stdin []byte) []byte {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("NOT CHECKED: there is no node to run WebAssembly with")
	}
	goroot := strings.TrimSpace(string(forBrowser(t, "env", "GOROOT")))
	cmd := exec.Command(node, "--stack-size=8192", filepath.Join(goroot, "lib", "wasm", "wasm_exec_node.js"), program)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	return out
}

// TestTheBrowsersProgramStaysSmall: the size itself is in docs/benchmarks.md.
func TestTheBrowsersProgramStaysSmall(t *testing.T) {
	if size, packed := sizesOf(t, browserProgram(t)); size > maxBrowserSize {
		t.Errorf("%d bytes, %d packed; at most %d", size, packed, maxBrowserSize)
	}
}

// BenchmarkBrowserSize prints what a page would load, unpacked and by gzip.
func BenchmarkBrowserSize(b *testing.B) {
	program := browserProgram(b)
	for b.Loop() {
		size, packed := sizesOf(b, program)
		b.ReportMetric(float64(size)/(1<<20), "MiB")
		b.ReportMetric(float64(packed)/(1<<20), "MiB-gzip")
	}
}

func sizesOf(t testing.TB, file string) (size, packed int) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zip.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return len(data), out.Len()
}
