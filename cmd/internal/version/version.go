// Package version says which build of bulla is running.
package version

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// release is set by the release build:
// -ldflags "-X github.com/bulla-dev/bulla/cmd/internal/version.release=v0.1.0".
var release string

// Module is the version alone, "(devel)" for a build of which none is known.
func Module() string {
	module := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		module = info.Main.Version
	}
	return cmp.Or(release, module, "(devel)")
}

// Text is the version, the Go release and the platform on one line.
func Text() string {
	return Module() + " (" + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + ")"
}
