package audit

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// An export is the whole log in a file that needs no service: one JSON object a
// line, entries in order from 0, and after the last one the checkpoint that was
// signed over them.
//
//	{"entry":{…},"hash":"…","index":0}
//	{"entry":{…},"hash":"…","index":1}
//	{"checkpoint":"bulla.dev/log/…\n2\n…"}
//
// Entry is the leaf, byte for byte; hash is its leaf hash in base64. The hash
// proves nothing, but where only an entry was changed it tells which. An export
// grows by more entries and another checkpoint at its end; the earlier checkpoints
// stay where they are.

// ErrExport means that bytes are not an export.
var ErrExport = errors.New("not an export of the audit log")

// maxLine bounds one line of an export in bytes.
const maxLine = MaxEntry + 8*MaxCheckpoint

// Line is one line of an export: an entry, or a checkpoint.
type Line struct {
	Index int64
	Hash  tlog.Hash
	Entry []byte
	// Checkpoint is a signed note; set for a line with a checkpoint.
	Checkpoint []byte
}

// AppendEntry writes the line of an entry.
func AppendEntry(b []byte, index int64, entry []byte) []byte {
	hash := tlog.RecordHash(entry)
	b = append(append(b, `{"entry":`...), entry...)
	b = append(append(b, `,"hash":"`...), base64.StdEncoding.EncodeToString(hash[:])...)
	return append(strconv.AppendInt(append(b, `","index":`...), index, 10), "}\n"...)
}

// AppendCheckpoint writes the line of a signed checkpoint.
func AppendCheckpoint(b, signed []byte) []byte {
	line := builder("{")
	line.must("checkpoint", string(signed))
	return append(append(b, line...), "}\n"...)
}

// Scan reads an export line by line and stops at the first error of each. A line
// that cannot be read is an [ErrExport] with its number. Nothing is verified.
func Scan(r io.Reader, each func(Line) error) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: line %d is cut off", ErrExport, number)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("%w: line %d has more than %d bytes", ErrExport, number, maxLine)
		}
		if err != nil {
			return fmt.Errorf("read export: %w", err)
		}
		line, err := parseLine(text)
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrExport, number, err)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// parseLine reads exactly what AppendEntry and AppendCheckpoint write.
func parseLine(text []byte) (Line, error) {
	var read struct {
		Entry      json.RawMessage `json:"entry"`
		Hash       []byte          `json:"hash"`
		Index      int64           `json:"index"`
		Checkpoint string          `json:"checkpoint"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return Line{}, err
	}
	if read.Checkpoint != "" {
		if len(read.Checkpoint) > MaxCheckpoint || !bytes.Equal(AppendCheckpoint(nil, []byte(read.Checkpoint)), text) {
			return Line{}, errors.New("it is not the line of a checkpoint")
		}
		return Line{Checkpoint: []byte(read.Checkpoint)}, nil
	}
	if len(read.Hash) != tlog.HashSize || read.Index < 0 || read.Index > MaxSize {
		return Line{}, errors.New("its hash or index is none")
	}
	line := Line{Index: read.Index, Hash: tlog.Hash(read.Hash), Entry: read.Entry}
	if !bytes.Equal(line.marshal(), text) {
		return Line{}, errors.New("it is not the line of an entry")
	}
	return line, nil
}

// marshal is AppendEntry with the hash that the line has, which may be wrong.
func (l Line) marshal() []byte {
	right := tlog.RecordHash(l.Entry)
	text := AppendEntry(nil, l.Index, l.Entry)
	if l.Hash == right {
		return text
	}
	at := len(`{"entry":`) + len(l.Entry) + len(`,"hash":"`)
	base64.StdEncoding.Encode(text[at:], l.Hash[:])
	return text
}
