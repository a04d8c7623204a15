package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Shared is a process that makes one build after the other. What [Build] rules out by a
// process for each, it rules out otherwise: no build may change what the next one says.
//
//   - Which files a kustomization may have kustomize do more with than merge objects is
//     for the caller to say: it is asked about each file before the process sees it.
//   - What kustomize keeps between builds is forgotten before each, see [forget].
//   - Nothing that goes wrong in it is believed, the input's fault or not: whoever asked
//     builds again by [Build].
//
// It is confined as [Build] is, and its bounds are for all its builds together. It is not
// safe for concurrent use.
type Shared struct {
	options     Options
	child       *child
	pipe        *pipe
	confinement Confinement
	builds      int
	broken      bool
}

const (
	// sharedFor is how long a build may take here: what takes longer gets a process, with
	// all its time, of its own.
	sharedFor = 2 * time.Second
	// sharedBuilds is how many builds one process makes.
	sharedBuilds = 256
)

// ErrApart says that a build has to have a process of its own.
var ErrApart = errors.New("build is not one that shares a process")

// NewShared starts a process. [Shared.End] ends it.
func NewShared(o Options) (*Shared, error) {
	// It lives for as long as its owner says, and not for one build.
	child, err := spawn(context.Background())
	if err != nil {
		return nil, fmt.Errorf("start build process: %w", err)
	}
	o.Timeout = min(o.Timeout, sharedFor)
	return &Shared{options: o, child: child, pipe: newPipe(child.out, child.in)}, nil
}

// Build builds as [Build] does. apart says of a file, by its path and what the build is
// given of it, that no build may read it here. Any error but the context's says only that
// it has to be built by [Build].
func (s *Shared) Build(ctx context.Context, files Files, dir string, apart func(string, []byte) bool) (*Result, error) {
	deadline, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	stop := context.AfterFunc(deadline, s.child.kill)
	s.builds++
	result, err := serve(s.pipe, start{Dir: dir, Memory: s.options.Memory, CPU: sharedCPU, Shared: true}, s.options,
		&guarded{Files: files, apart: apart})
	failure := (*Failure)(nil)
	if !stop() || err != nil && !(errors.As(err, &failure) && failure.told) {
		s.broken = true // it ends, or waits for an answer
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errors.Join(ErrApart, err)
	}
	if s.builds == 1 {
		s.confinement = result.Confinement
	}
	result.Confinement = s.confinement
	return result, nil
}

// sharedCPU bounds what all builds of one process compute, in seconds.
const sharedCPU = 60

// Builds is how many there were.
func (s *Shared) Builds() int { return s.builds }

// Usable reports whether there may be another build.
func (s *Shared) Usable() bool { return !s.broken && s.builds < sharedBuilds }

// End ends the process.
func (s *Shared) End() { s.child.finish(false) }

// guarded keeps files from a build that it may not read.
type guarded struct {
	Files
	apart func(string, []byte) bool
}

func (g *guarded) Read(path string) (data []byte, ok bool, err error) {
	if data, ok, err = g.Files.Read(path); ok && err == nil && g.apart(path, data) {
		return nil, false, ErrApart
	}
	return data, ok, err
}
