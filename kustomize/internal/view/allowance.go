package view

import (
	"fmt"

	"github.com/bulla-dev/bulla/kustomize/internal/worker"
)

// Bounds on what one build is given of its tree.
const (
	// maxRead is the greatest sum of the files given to one build, in bytes, each
	// as often as it is read.
	maxRead = 256 << 20
	// maxStubs is the greatest sum of the sizes of the stubs of one build, in bytes:
	// they are kept.
	maxStubs = 64 << 20
)

// allowance is what one build has used.
type allowance struct {
	read, stubs int64
}

func (a *allowance) reads(path string, size int) error {
	if a.read += int64(size); a.read > maxRead {
		return &worker.Failure{File: path, Problem: fmt.Sprintf("build reads more than %d MiB", maxRead>>20)}
	}
	return nil
}

func (a *allowance) keeps(path string, size int) error {
	if a.stubs += int64(size); a.stubs > maxStubs {
		return &worker.Failure{File: path, Problem: fmt.Sprintf("build has more than %d MiB of stubs", maxStubs>>20)}
	}
	return nil
}
