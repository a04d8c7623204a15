// Package static has what a page loads to seal, for whichever server serves pages: two
// modules of JavaScript as they are, and what `make sealer` built: the program for
// browsers, packed, and the glue of the Go release that it was built with. A server
// that was built without them says so, and has no page that seals.
package static

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/bulla-dev/bulla/api/fault"
)

// Names of what `make sealer` builds.
const (
	Program = "sealer.wasm.br"
	Glue    = "wasm_exec.js"
)

// PagePolicy is the Content-Security-Policy that a page with the sealer needs, and all
// that it may have: add what else a page loads, of this origin alone.
const PagePolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types bulla-sealer bulla-page"

// workerPolicy lets what sees values ask for nothing at all.
const workerPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"

//go:embed sealer.js worker.js
var scripts embed.FS

//go:embed all:built
var built embed.FS

// ErrNotBuilt says that this program has no sealer; its hint says how to get it.
var ErrNotBuilt = fault.New("build it with make build, which builds the sealer first",
	"this program was built without the sealer, so that its pages cannot seal")

// Built is what `make sealer` built into this program, or [ErrNotBuilt].
func Built() (fs.FS, error) {
	files, err := fs.Sub(built, "built")
	if err != nil {
		return nil, err
	}
	return builtIn(files)
}

func builtIn(files fs.FS) (fs.FS, error) {
	for _, name := range []string{Program, Glue} {
		if _, err := fs.Stat(files, name); err != nil {
			return nil, ErrNotBuilt
		}
	}
	return files, nil
}

// Handler serves sealer.js, worker.js, wasm_exec.js and sealer.wasm, of a folder as
// [Built] gives it, by the last part of the path.
func Handler(files fs.FS) (http.Handler, error) {
	packed, err := fs.ReadFile(files, Program)
	if err != nil {
		return nil, fmt.Errorf("read the sealer: %w", err)
	}
	glue, err := fs.ReadFile(files, Glue)
	if err != nil {
		return nil, fmt.Errorf("read the sealer: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		switch name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]; name {
		case "sealer.wasm":
			program(w, r, packed)
		case Glue:
			script(w, glue)
		case "sealer.js", "worker.js":
			text, err := scripts.ReadFile(name)
			if err != nil {
				http.Error(w, "cannot be read", http.StatusInternalServerError)
				return
			}
			script(w, text)
		default:
			http.NotFound(w, r)
		}
	}), nil
}

// script serves one with the policy of a worker: a page's own holds for its scripts.
func script(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Content-Security-Policy", workerPolicy)
	_, _ = w.Write(text) //nolint:gosec // scripts of this program, with their type
}

// program unpacks for whoever does not take brotli: browsers do on loopback and by TLS.
func program(w http.ResponseWriter, r *http.Request, packed []byte) {
	w.Header().Set("Content-Type", "application/wasm")
	w.Header().Set("Vary", "Accept-Encoding")
	if takesBrotli(r.Header.Get("Accept-Encoding")) {
		w.Header().Set("Content-Encoding", "br")
		_, _ = w.Write(packed)
		return
	}
	_, _ = io.Copy(w, brotli.NewReader(bytes.NewReader(packed)))
}

func takesBrotli(accepted string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "br" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}
