package sealcmd

import (
	"context"
	"path"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// write puts the file where it belongs, and says what was done.
func (o options) write(ctx context.Context, s *shell.Shell, job *work, out *sealjob.Outcome) error {
	where := job.Where
	target := job.Fleet.Repo.Abs(where.File)
	var err error
	switch {
	case o.dryRun:
		return job.show(s, out.Data)
	case job.read != nil:
		err = job.store.Replace(ctx, job.read, target, out.Data)
	case where.Old != nil:
		err = atomicfile.Replace(target, where.Old, out.Data)
	default:
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
	for _, line := range seenByPods(where.Stub.Spec.DeliverAs, job.What.Renamed) {
		s.Printf("  %s\n", line)
	}
	if len(out.Data) >= stored.Large && (job.read == nil || job.read.Reference == nil) {
		s.Notef("%s has %d bytes, and each new value adds as much to every clone: `bulla reference %s`, before it is "+
			"committed, keeps its ciphertext in the key service's store", where.File, len(out.Data), where.File)
	}
	if err := job.list(s); err != nil {
		return err
	}
	if o.replace {
		s.Notef("if %s was ever committed, its values stay in Git's history: "+
			"change them where they are checked, and seal the new ones", where.File)
	}
	return nil
}

// show prints the file instead.
func (w *work) show(s *shell.Shell, text []byte) error {
	if w.read != nil {
		return w.store.Show(s.Stdout, w.read, text)
	}
	_, err := printable.Product(s.Stdout).Write(text)
	return err
}

// list writes the kustomization that a new stub goes into.
func (w *work) list(s *shell.Shell) error {
	for file, data := range w.Where.Also {
		base := strings.TrimPrefix(w.Where.File, path.Dir(file)+"/")
		if err := atomicfile.Replace(w.Fleet.Repo.Abs(file), w.was[file], data); err != nil {
			return fault.New("the stub is written: list "+base+" under resources there yourself", "%w", err)
		}
		s.Printf("%s: lists %s\n", file, base)
	}
	return nil
}
