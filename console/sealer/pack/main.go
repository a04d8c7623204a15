// Command pack builds the sealer for browsers, packs it, and takes the glue of the Go
// release that built it from beside: one of another release does not load.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/bulla-dev/bulla/console/sealer/static"
)

func main() {
	dir := flag.String("o", "", "the `folder` to write into")
	tell := flag.Bool("v", false, "print each package that is compiled, as go build -v does")
	level := flag.Int("level", brotli.BestCompression, "of brotli, 0 to 11")
	flag.Parse()
	if err := pack(*dir, *level, *tell); err != nil {
		fmt.Fprintln(os.Stderr, "error: build the sealer:", err)
		os.Exit(1)
	}
}

func pack(dir string, level int, tell bool) error {
	scratch, err := os.MkdirTemp("", "bulla-sealer-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	program := filepath.Join(scratch, "sealer.wasm")
	// Without inlining it is a tenth smaller when packed, which everybody loads before the first seal.
	build := exec.Command("go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags=-s -w", "-o", program,
		"github.com/bulla-dev/bulla/console/sealer/browser")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	var said bytes.Buffer
	build.Stderr = &said
	if tell {
		build.Args = slices.Insert(build.Args, 2, "-v")
		build.Stderr = io.MultiWriter(os.Stderr, &said)
	}
	if err := build.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find Go: %w", err)
	}
	glue, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", static.Glue))
	if err != nil {
		return fmt.Errorf("%w\nhint: the Go release keeps its glue elsewhere; go1.24 and later have it in lib/wasm", err)
	}
	if err := os.WriteFile(filepath.Join(dir, static.Glue), glue, 0o600); err != nil { //nolint:gosec // a flag's
		return err
	}
	return writePacked(filepath.Join(dir, static.Program), data, level)
}

func writePacked(path string, data []byte, level int) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	packed := brotli.NewWriterLevel(file, level)
	if _, err := packed.Write(data); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return file.Close()
}
