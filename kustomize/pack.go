package kustomize

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// measurePack reads a pack once, keeping nothing, and checks what it would take
// to hold it: the number of objects, the size of each, the sum. For a delta the
// size is that of the object it makes (gitformat-pack(5)).
func measurePack(ctx context.Context, pack io.ReadSeeker, limits Limits) error {
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return err
	}
	scanner := packfile.NewScanner(pack)
	_, count, err := scanner.Header()
	if err != nil {
		return errors.New("remote sent no pack")
	}
	if int64(count) > int64(limits.Objects) {
		return fmt.Errorf("pack of %d objects: %w", count, ErrTooLarge)
	}
	total := int64(0)
	for range count {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		size, err := nextSize(scanner, limits.Object)
		if err != nil {
			return err
		}
		if total += size; total > limits.Unpacked {
			return fmt.Errorf("pack unpacks to more than %d bytes: %w", limits.Unpacked, ErrTooLarge)
		}
	}
	return nil
}

func nextSize(scanner *packfile.Scanner, limit int64) (int64, error) {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return 0, errDamagedPack
	}
	tooLarge := fmt.Errorf("object of more than %d bytes: %w", limit, ErrTooLarge)
	if header.Length > limit {
		return 0, tooLarge
	}
	start := &prefix{}
	if _, _, err := scanner.NextObject(start); err != nil {
		return 0, errDamagedPack
	}
	if header.Type != plumbing.OFSDeltaObject && header.Type != plumbing.REFDeltaObject {
		return header.Length, nil
	}
	_, n := binary.Uvarint(start.data)
	if n <= 0 {
		return 0, errDamagedPack
	}
	target, n := binary.Uvarint(start.data[n:])
	if n <= 0 {
		return 0, errDamagedPack
	}
	if target > uint64(limit) {
		return 0, tooLarge
	}
	return int64(target), nil
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
