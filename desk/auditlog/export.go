package auditlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Exported is what an export did.
type Exported struct {
	// Had is how many entries the file held before, Size how many it holds now.
	Had, Size int64
}

// Export writes what the log has beyond the file to its end, then the checkpoint
// over all of it. Whatever it is cut off at, the next run goes on there: a line
// that is not whole is cut away, and whole ones are never touched. The file is
// held to the checkpoint before that is written, so that a file with an edited
// entry never gets one.
func (s *Service) Export(ctx context.Context, path string, verifier note.Verifier) (*Exported, error) {
	defer s.Progress("")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	had, tree, err := resume(file, verifier)
	if err != nil {
		return nil, err
	}
	out := &Exported{Had: had.Size, Size: had.Size}
	for {
		page, err := s.Admin.ReadAudit(ctx, s.Log, &keyservicev1.ListAuditRequest{From: uint64(out.Size)})
		if err != nil {
			return nil, Refused(err)
		}
		var lines []byte
		for _, e := range page.Entries {
			if e.Index != out.Size {
				return nil, fault.NewTrust("without a filter the service gives every entry: ask its operators",
					"the key service leaves out entry %d", out.Size)
			}
			lines = audit.AppendEntry(lines, e.Index, e.Leaf)
			tree.Add(tlog.RecordHash(e.Leaf))
			out.Size++
		}
		done := page.Next == 0
		if done {
			if out.Size != page.Checkpoint.Size || tree.Root() != page.Checkpoint.Root {
				return nil, fault.NewTrust(
					"move the file away and export again; then compare the two: bulla audit verify NEW --against OLD",
					"%s does not begin with the entries that the log has", path)
			}
			if page.Checkpoint != had {
				lines = audit.AppendCheckpoint(lines, page.Signed)
			}
		}
		if _, err := file.Write(lines); err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		if done {
			return out, file.Sync()
		}
		s.Progress("exported %d of %d entries", out.Size, page.Checkpoint.Size)
	}
}

// resume reads what there is and goes to the end of its last whole line. The
// checkpoint is that of the last line; after an entry it has a size alone.
func resume(file *os.File, verifier note.Verifier) (audit.Checkpoint, *audit.Tree, error) {
	had, tree := audit.Checkpoint{}, &audit.Tree{}
	end, torn, err := lastLine(file)
	if err != nil {
		return had, nil, err
	}
	err = audit.Scan(io.NewSectionReader(file, 0, end), func(l audit.Line) (err error) {
		if l.Checkpoint != nil {
			if had, err = audit.OpenCheckpoint(l.Checkpoint, verifier.Name(), verifier); err == nil && had.Size != tree.Size() {
				err = fmt.Errorf("%w: a checkpoint over %d entries follows entry %d", audit.ErrExport, had.Size, tree.Size()-1)
			}
			return err
		}
		if l.Index != tree.Size() {
			return fmt.Errorf("%w: entry %d stands where entry %d is due", audit.ErrExport, l.Index, tree.Size())
		}
		tree.Add(tlog.RecordHash(l.Entry))
		had = audit.Checkpoint{Size: tree.Size()}
		return nil
	})
	if errors.Is(err, audit.ErrExport) || errors.Is(err, audit.ErrCheckpoint) {
		return had, nil, fault.New("bulla audit verify "+file.Name()+" tells more; name another file for a new export",
			"go on with %s: %w", file.Name(), err)
	}
	if err == nil && torn {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	return had, tree, err
}

// lineStarts are how the lines of an export begin.
var lineStarts = []string{`{"entry":{`, `{"checkpoint":"`}

// lastLine finds the end of the last whole line, and whether an export that was
// cut off left a part of another after it. Any other file is left alone.
func lastLine(file *os.File) (end int64, torn bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, false, err
	}
	const step = 64 << 10
	var start []byte // of what follows the last newline
	for at := info.Size(); at > 0; {
		n := min(at, step)
		chunk := make([]byte, n)
		if _, err := file.ReadAt(chunk, at-n); err != nil {
			return 0, false, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		newline := bytes.LastIndexByte(chunk, '\n')
		start = append(chunk[newline+1:], start[:min(len(start), step)]...)
		if at -= n; newline >= 0 {
			end = at + int64(newline) + 1
			break
		}
	}
	if len(start) == 0 {
		return end, false, nil
	}
	for _, known := range lineStarts {
		if n := min(len(known), len(start)); string(start[:n]) == known[:n] {
			return end, true, nil
		}
	}
	return 0, false, fault.New("name another file", "%s is not an export of the audit log", file.Name())
}
