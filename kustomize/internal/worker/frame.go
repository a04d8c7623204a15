package worker

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Frame types.
const (
	frameStart  = 's' // parent: start
	frameReady  = 'y' // child: Confinement
	frameStat   = 'q' // child: path
	frameRead   = 'r' // child: path
	frameList   = 'l' // child: path
	frameAnswer = 'a' // parent: Kind byte, then data
	frameObject = 'o' // child: one built object, JSON
	frameFailed = 'e' // child: Failure
	frameDone   = 'd' // child: nothing
	// frameDeletions comes once, before frameDone.
	frameDeletions = 'x' // child: []Deletion
	// frameWired asks for the stubs with deliverAs among what was read so far.
	frameWired = 'w' // child: nothing; the answer is []wire.Stub
)

// maxFrame bounds one frame, in bytes.
const maxFrame = 64 << 20

var errFrame = errors.New("malformed frame")

type pipe struct {
	r *bufio.Reader
	w io.Writer
}

func newPipe(r io.Reader, w io.Writer) *pipe { return &pipe{r: bufio.NewReaderSize(r, 64<<10), w: w} }

// send writes one frame with one write, so that a small frame is one wake-up.
func (p *pipe) send(kind byte, body ...[]byte) error {
	size := 0
	for _, b := range body {
		size += len(b)
	}
	if size > maxFrame {
		return errFrame
	}
	frame := make([]byte, 5, 5+size)
	binary.BigEndian.PutUint32(frame, uint32(size))
	frame[4] = kind
	for _, b := range body {
		frame = append(frame, b...)
	}
	_, err := p.w.Write(frame)
	return err
}

func (p *pipe) sendJSON(kind byte, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.send(kind, body)
}

// frameLimit bounds what a child may send, by what it is: memory is taken before
// the frame has come.
func frameLimit(kind byte) int {
	switch kind {
	case frameStat, frameRead, frameList, frameWired:
		return 16 << 10
	case frameReady, frameFailed:
		return 64 << 10
	}
	return maxFrame
}

func (p *pipe) receive(limit func(kind byte) int) (kind byte, body []byte, err error) {
	var header [5]byte
	if _, err := io.ReadFull(p.r, header[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(header[:4])
	if int64(size) > int64(limit(header[4])) {
		return 0, nil, fmt.Errorf("frame of %d bytes: %w", size, errFrame)
	}
	body = make([]byte, size)
	_, err = io.ReadFull(p.r, body)
	return header[4], body, err
}

// Kind is what a path is.
type Kind byte

// Kinds.
const (
	None Kind = iota
	File
	Dir
	// Aside is a file that holds no object and is listed because nobody wrote a
	// list: nothing, if it is YAML at all.
	Aside
	// Apart is a file that no build reads which shares its process.
	Apart
)

// start is what a child is told.
type start struct {
	// Dir is the folder to build, below Root.
	Dir string
	// Memory in bytes and CPU in seconds are the child's bounds.
	Memory int64
	CPU    uint64
	// Shared: another build may come after this one.
	Shared bool `json:",omitempty"`
}

// Root is where the repository seems to be. It is deep enough that ".." above
// the repository is seen as such.
const Root = "/repository"

// Confinement is what a child could do to itself.
type Confinement struct {
	// Seccomp: the kernel refuses every system call but those that a computation
	// needs.
	Seccomp bool
	// Processes: it sees no process but itself, so that there is none to signal or
	// to trace.
	Processes bool
	// Network: the network namespace is its own.
	Network bool
	// Memory: the address space is bounded by the kernel.
	Memory bool
}

// Missing names what the system this runs on refused.
func (c Confinement) Missing() []string {
	var missing []string
	for _, part := range []struct {
		has  bool
		name string
	}{
		{c.Seccomp, "seccomp filter"}, {c.Memory, "bound on memory"},
		{c.Processes, "process namespace"}, {c.Network, "network namespace"},
	} {
		if !part.has {
			missing = append(missing, part.name)
		}
	}
	return missing
}

// Failure is why a build failed.
type Failure struct {
	// File relative to the repository, if one is known.
	File string `json:",omitempty"`
	// Line counts from 1; 0 when none is known.
	Line    int `json:",omitempty"`
	Problem string
	// More are further problems, each with its own file.
	More []*Failure `json:",omitempty"`
	// Temporary: the same input may well build at another time.
	Temporary bool `json:"-"`

	// unwired: a wire is not in what was built, and there may be more to wire.
	unwired bool
	// told: the process said so itself, and waits for what comes next.
	told bool
}

func (f *Failure) Error() string {
	if f.File == "" {
		return f.Problem
	}
	return f.File + ": " + f.Problem
}
