package editcmd

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// head is above what is edited, and is no part of it.
const head = `# The public part of %s. The sealed values are not here, and stay as they are.
# An empty file, or one without a change, changes nothing.
`

const folderName = "bulla-edit-"

// kept is the name of a folder that an edit before made.
var kept = regexp.MustCompile(`^` + folderName + `[0-9]+$`)

// draft is a text on its way through an editor, in a folder that nobody else may open.
type draft struct {
	// file is the stub as the repository has it, named as the person named it.
	file, named string
	// folder is "" where this edit made none.
	folder, path, head string
}

// newDraft writes the text, or takes one that an edit before kept.
func newDraft(file, named, text, kept string) (*draft, error) {
	d := &draft{file: file, named: named, head: fmt.Sprintf(head, file)}
	if kept != "" {
		d.path = kept
		if _, err := os.Stat(kept); err != nil {
			return nil, fault.NewUsage("the error before said where the text is kept", "--continue: %w", cause(err))
		}
		return d, nil
	}
	var err error
	if d.folder, err = os.MkdirTemp("", folderName); err != nil {
		return nil, fault.New("TMPDIR must name a folder that you may write to", "make a private folder: %w", cause(err))
	}
	d.path = filepath.Join(d.folder, filepath.Base(file))
	return d, os.WriteFile(d.path, []byte(d.head+text), 0o600)
}

// edit opens the person's editor and returns what it left, without the head.
func (d *draft) edit(s *shell.Shell) (string, error) {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	// By a shell, as git does it: the variable may have arguments and quotes.
	cmd := exec.Command("/bin/sh", "-c", editor+` "$@"`, editor, d.path) //nolint:gosec // the person's own editor
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", d.keep(fmt.Errorf("the editor ended with an error: %w", err))
	}
	data, err := os.ReadFile(d.path)
	if err != nil {
		return "", d.keep(cause(err))
	}
	s.Progress()("")
	text := string(data)
	for line := range strings.Lines(d.head) {
		text = strings.Replace(text, line, "", 1)
	}
	return text, nil
}

// keep says where the text is, with what was wrong with it: nobody types it twice.
func (d *draft) keep(err error) error {
	hint := "your text is kept: bulla edit " + printable.Word(d.named) + " --continue " + printable.Word(d.path)
	var told *fault.Error
	if errors.As(err, &told) && told.Hint != "" {
		hint = told.Hint + "; " + hint
	}
	return fault.New(hint, "%s is as it was: %w", d.file, err)
}

// drop takes the draft away, once nothing of it is needed. Of a folder that this edit
// did not make, the draft alone goes: anybody may name a folder so, and keep other
// things in it. A file that somebody named and no edit made stays.
func (d *draft) drop() error {
	if d.folder != "" {
		return os.RemoveAll(d.folder)
	}
	folder := filepath.Dir(d.path)
	if !kept.MatchString(filepath.Base(folder)) {
		return nil
	}
	if err := os.Remove(d.path); err != nil {
		return err
	}
	_ = os.Remove(folder) // empty, or what an editor left there stays
	return nil
}

// cause drops the path of an error, which the caller names in its own words.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
