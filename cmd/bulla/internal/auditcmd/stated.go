package auditcmd

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/statement"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// readStatement reads a file if it is a statement; nil for anything else, which may be
// an export, or not there.
func readStatement(path string) (*statement.Statement, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil //nolint:nilerr // who reads exports says so
	}
	defer file.Close()
	begin := make([]byte, 256)
	n, _ := io.ReadFull(file, begin)
	if !statement.Is(begin[:n]) {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(begin[:n]), file), statement.Max+1))
	if err == nil && len(text) > statement.Max {
		err = fmt.Errorf("more than %d bytes", statement.Max)
	}
	if err != nil {
		return nil, fault.New("`bulla audit statement --export FILE` writes one", "read %s: %w", path, err)
	}
	s, err := statement.Read(text)
	if err != nil {
		return nil, &fault.Error{Code: fault.Findings, Err: fmt.Errorf("%s: %w", path, err),
			Hint: "somebody changed it, or a newer bulla wrote it; `bulla audit statement` makes another"}
	}
	return s, nil
}

// verifyStatement checks a statement offline; against is "" or an export of the log.
func (a run) verifyStatement(
	path string, s *statement.Statement, against string, verifier note.Verifier, format render.Format,
) error {
	entries, last, err := s.Verify(verifier)
	if err != nil {
		return &fault.Error{Code: fault.Findings, Err: fmt.Errorf("%s: %w", path, err),
			Hint: "it was changed, or is of another log: nothing in it counts"}
	}
	if against != "" {
		if err := holdTo(s, entries, against, verifier); err != nil {
			return err
		}
	}
	return a.printSteps(format, s, s.Steps(entries), last, against != "")
}

// holdTo holds a statement to an export: its entries are those there, and nothing else
// there speaks of what it is about.
func holdTo(s *statement.Statement, entries []statement.Entry, export string, verifier note.Verifier) error {
	stated := map[int64]statement.Entry{}
	for _, e := range entries {
		stated[e.Index] = e
	}
	problem := ""
	size := int64(0)
	verified, err := auditlog.Verify(export, verifier, func(index int64, e audit.Entry) error {
		size = index + 1
		had, ok := stated[index]
		switch {
		case problem != "":
		case ok && !bytes.Equal(had.Leaf, e.Marshal()):
			problem = fmt.Sprintf("fork: entry %d is another one in %s", index, export)
		case !ok && e.Kind != audit.Head && s.About(e):
			problem = fmt.Sprintf("entry %d of %s speaks of it too, and is not in the statement", index, export)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(verified.Findings) > 0 {
		problem = fmt.Sprintf("%s is not the audit log: %s", export, verified.Findings[0])
	}
	if n := len(entries); problem == "" && n > 0 && entries[n-1].Index >= size {
		problem = fmt.Sprintf("%s ends before entry %d: export the log again", export, entries[n-1].Index)
	}
	if problem != "" {
		return &fault.Error{Code: fault.Findings, Err: fmt.Errorf("%s", problem),
			Hint: "bulla audit verify " + export + "; then make the statement anew"}
	}
	return nil
}
