package sealcmd

import (
	"os"
	"path"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// write puts the file where it belongs, and says what was done.
func (o options) write(s *shell.Shell, job *sealjob.Job, out *sealjob.Outcome) error {
	if o.dryRun {
		_, err := printable.Product(s.Stdout).Write(out.Data)
		return err
	}
	var err error
	where := job.Where
	if target := job.Fleet.Repo.Abs(where.File); where.Old != nil {
		err = atomicfile.Replace(target, where.Old, out.Data)
	} else {
		err = atomicfile.Create(target, out.Data, 0o644)
	}
	if err != nil {
		return err
	}
	if out.Key == "" {
		s.Printf("%s: sealed nothing anew\n", where.File)
	} else {
		s.Printf("%s: sealed as %s under key %s\n", where.File, out.Becomes(), out.Key)
	}
	for _, sealed := range out.Sealed {
		s.Printf("  %s for %s\n", strings.Join(sealed.Fields, " "), strings.Join(sealed.Targets, ", "))
	}
	for _, key := range out.Gone {
		s.Printf("  /data/%s taken away\n", key)
	}
	if o.replace {
		return finishReplace(s, job)
	}
	return nil
}

// finishReplace writes the kustomization, and says what no tool can undo.
func finishReplace(s *shell.Shell, job *sealjob.Job) error {
	for file, data := range job.Where.Also {
		old, err := os.ReadFile(job.Fleet.Repo.Abs(file))
		if err != nil {
			return err
		}
		if err := atomicfile.Replace(job.Fleet.Repo.Abs(file), old, data); err != nil {
			return err
		}
		s.Printf("%s: lists %s\n", file, path.Base(job.Where.File))
	}
	s.Notef("if %s was ever committed, its values stay in Git's history: "+
		"change them where they are checked, and seal the new ones", job.Where.File)
	return nil
}
