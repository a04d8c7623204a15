package git

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// measured is what a pack holds, and what of it is left out: objects above
// Limits.Object, and deltas against those.
type measured struct {
	// offsets of all objects, in order, and the end of the last one.
	offsets []int64
	// out are the offsets of objects that are left out, hashes those of them that
	// could be told; unknown is set when one could not.
	out     map[int64]bool
	hashes  map[tree.Hash]bool
	unknown bool
}

func (m *measured) leavesOut() bool { return len(m.out) > 0 }

// notes are the lines for the store's [partialFile].
func (m *measured) notes() []string {
	lines := []string{}
	for h := range m.hashes {
		lines = append(lines, h.String())
	}
	if m.unknown {
		lines = append(lines, partialUnknown)
	}
	return lines
}

// measurePack reads a pack once, keeping nothing, and checks what it would take
// to hold it: the number of objects, the size of each, the sum. For a delta the
// size is that of the object it makes (gitformat-pack(5)). One object that is too
// large is no reason to refuse the others: it stays in history for ever, and
// whoever may push could then end what everybody else pushes.
func measurePack(ctx context.Context, pack io.ReadSeeker, limits Limits) (*measured, error) {
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	scanner := packfile.NewScanner(pack)
	_, count, err := scanner.Header()
	if err != nil {
		return nil, errors.New("remote sent no pack")
	}
	if int64(count) > int64(limits.Objects) {
		return nil, fmt.Errorf("pack of %d objects: %w", count, tree.ErrTooLarge)
	}
	m := &measured{out: map[int64]bool{}, hashes: map[tree.Hash]bool{}}
	total := int64(0)
	for range count {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		size, err := m.next(ctx, scanner, limits.Object)
		if err != nil {
			return nil, err
		}
		if total += size; total > limits.Unpacked {
			return nil, fmt.Errorf("pack unpacks to more than %d bytes: %w", limits.Unpacked, tree.ErrTooLarge)
		}
	}
	end, err := scanner.SeekFromStart(0)
	m.offsets = append(m.offsets, end)
	return m, err
}

// next measures one object, and returns what it takes to keep it.
func (m *measured) next(ctx context.Context, scanner *packfile.Scanner, limit int64) (int64, error) {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return 0, errDamagedPack
	}
	m.offsets = append(m.offsets, header.Offset)
	start, sum := &prefix{}, plumbing.NewHasher(header.Type, header.Length)
	var content io.Writer = start
	if header.Length > limit {
		content = io.MultiWriter(start, sum)
	}
	if _, _, err := scanner.NextObject(&stoppable{ctx, content}); err != nil {
		return 0, errors.Join(context.Cause(ctx), errDamagedPack)
	}
	size, isDelta := header.Length, false
	switch header.Type {
	case plumbing.OFSDeltaObject, plumbing.REFDeltaObject:
		isDelta = true
		if size, err = start.target(); err != nil {
			return 0, err
		}
	}
	lacksBase := isDelta && (m.out[header.OffsetReference] || m.hashes[tree.Hash(header.Reference)])
	if size <= limit && header.Length <= limit && !lacksBase {
		return size, nil
	}
	m.out[header.Offset] = true
	if isDelta {
		m.unknown = true
	} else {
		m.hashes[tree.Hash(sum.Sum())] = true
	}
	return 0, nil
}

var errDamagedPack = errors.New("remote sent a damaged pack")

// prefix keeps the first bytes written to it: room for two varints.
type prefix struct{ data []byte }

func (p *prefix) Write(b []byte) (int, error) {
	if room := 2*binary.MaxVarintLen64 - len(p.data); room > 0 {
		p.data = append(p.data, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// target is the size of what a delta makes: the second number in it.
func (p *prefix) target() (int64, error) {
	_, n := binary.Uvarint(p.data)
	if n <= 0 {
		return 0, errDamagedPack
	}
	target, n := binary.Uvarint(p.data[n:])
	if n <= 0 || target > math.MaxInt64 {
		return 0, errDamagedPack
	}
	return int64(target), nil
}

// stoppable writes until its context ends: a small pack may inflate for hours.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s *stoppable) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}
