package kustomize

import (
	"fmt"
	"runtime"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// catch makes a panic the build error of the placement whose build it broke. A
// build is a stranger's input, and whoever builds serves others: a panic that
// leaves here ends the process, at every start anew for as long as Git holds it.
func catch(p *api.Placement, err *error) {
	if r := recover(); r != nil {
		*err = &BuildError{Placement: p.Metadata.Name, Problem: panicked(), Err: errInput}
	}
}

// panicked says where, and not what: the value may quote what was built. It is
// called from a deferred function.
func panicked() string {
	return fmt.Sprintf("bulla itself failed over what this folder builds, in %s; hint: take the last change to it back, "+
		"and report this", panickedIn())
}

// panickedIn is the function that panicked, as far as the stack tells.
func panickedIn() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	unwinding := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			unwinding = true
		case unwinding && !strings.HasPrefix(frame.Function, "runtime."):
			return frame.Function[strings.LastIndexByte(frame.Function, '/')+1:]
		}
		if !more {
			return "a place that is not known"
		}
	}
}
