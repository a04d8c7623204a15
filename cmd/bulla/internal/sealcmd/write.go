package sealcmd

import (
	"os"
	"path"
	"slices"
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
		s.Printf("%s: sealed as %s under key %s\n", where.File, objects(out), out.Key)
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

// objects names what the stub becomes: with a scope that several share, each, and
// whose it is.
func objects(out *sealjob.Outcome) string {
	var names, places []string
	for _, use := range out.Uses {
		names = append(names, use.Namespace+"/"+use.Name)
		places = append(places, names[len(names)-1]+" in "+use.Title())
	}
	if slices.Sort(names); len(slices.Compact(names)) < 2 {
		return out.Object.Namespace + "/" + out.Object.Name
	}
	return strings.Join(places, ", ")
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
