package git

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // the checksum that Git's format has
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// write copies a measured pack without what is left out. Objects go over as they
// are; a delta names its base by the distance to it, which changes
// (gitformat-pack(5)).
func (m *measured) write(ctx context.Context, to io.Writer, from io.ReaderAt) error {
	sum := sha1.New() //nolint:gosec // as above
	buffered := bufio.NewWriterSize(to, 1<<16)
	w := &counter{w: io.MultiWriter(buffered, sum)}
	all := m.offsets[:len(m.offsets)-1]
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(all)-len(m.out)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	moved := make([]int64, len(all))
	for i, offset := range all {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		moved[i] = w.n
		if m.out[offset] {
			continue
		}
		base := func(distance int64) (int64, bool) {
			j, ok := slices.BinarySearch(all[:i], offset-distance)
			return w.n - moved[min(j, i)], ok
		}
		if err := copyObject(w, io.NewSectionReader(from, offset, m.offsets[i+1]-offset), base); err != nil {
			return err
		}
	}
	_, err := buffered.Write(sum.Sum(nil))
	return errors.Join(err, buffered.Flush())
}

// copyObject copies one entry of a pack, with a new distance to its base.
func copyObject(w io.Writer, entry *io.SectionReader, base func(int64) (int64, bool)) error {
	r := bufio.NewReader(entry)
	first, err := r.ReadByte()
	head := []byte{first}
	for last := first; err == nil && last&0x80 != 0; head = append(head, last) {
		last, err = r.ReadByte()
	}
	if err == nil && plumbing.ObjectType(first>>4&7) == plumbing.OFSDeltaObject {
		var distance int64
		if distance, err = readDistance(r); err == nil {
			next, ok := base(distance)
			if !ok {
				return errDamagedPack
			}
			head = appendDistance(head, next)
		}
	}
	if err == nil {
		_, err = w.Write(head)
	}
	if err == nil {
		_, err = io.Copy(w, r)
	}
	return err
}

// readDistance reads a number whose every further byte stands for one more than
// its bits, so that no number is written in two ways.
func readDistance(r io.ByteReader) (int64, error) {
	c, err := r.ReadByte()
	n := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 {
		if n >= 1<<55 {
			return 0, errDamagedPack
		}
		c, err = r.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	return n, err
}

func appendDistance(to []byte, n int64) []byte {
	digits := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		digits = append(digits, byte(n&0x7f)|0x80)
	}
	slices.Reverse(digits)
	return append(to, digits...)
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
