package referencecmd

import (
	"bytes"
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/api/atomicfile"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// moved is what became of a file.
type moved struct {
	File string `json:"file"`
	// Change is Referenced, Inlined or None.
	Change change `json:"change"`
	// DryRun says that nothing was written, here or there: it would be so.
	DryRun bool `json:"dryRun,omitempty"`
	// Digest and Size are of the stub.
	Digest string `json:"digest"`
	Size   int    `json:"size"`
	// InGit is the size of what stands in Git now, in bytes.
	InGit int `json:"inGit"`
	// Was says that the store had the stub before.
	Was bool `json:"was"`
	// Committed says that the history of the clone has the stub.
	Committed bool `json:"committed,omitempty"`
	// Edited says that the stub is not byte for byte that of the store.
	Edited bool `json:"edited,omitempty"`
}

type change string

const (
	referenced change = "Referenced"
	inlined    change = "Inlined"
	none       change = "None"
)

func (m *moving) move(ctx context.Context, f *file) (moved, error) {
	switch {
	case f.is:
		return f.stays(), nil
	case m.inline:
		return m.bringBack(ctx, f)
	}
	did := moved{File: f.path, Change: referenced, DryRun: m.dryRun, Digest: f.next.Spec.Stub.Digest, Size: len(f.data)}
	data, err := stub.RenderReference(f.path, f.next)
	if err != nil {
		return did, err
	}
	did.InGit, did.Committed = len(data), m.committed(f)
	if m.dryRun {
		return did, nil
	}
	if did.Was, err = m.store.Keep(ctx, f.path, f.data); err != nil {
		return did, err
	}
	return did, atomicfile.Replace(m.repo.Abs(f.path), f.data, data)
}

// stays is a file that is what was asked for already.
func (f *file) stays() moved {
	did := moved{File: f.path, Change: none, InGit: len(f.data), Digest: api.StubDigest(f.data), Size: len(f.data)}
	if f.now != nil {
		did.Digest, did.Size = f.now.Spec.Stub.Digest, int(f.now.Spec.Stub.Size)
	}
	return did
}

func (m *moving) bringBack(ctx context.Context, f *file) (moved, error) {
	read, err := m.store.Read(ctx, f.path, f.data)
	if err != nil {
		return moved{}, err
	}
	did := moved{File: f.path, Change: inlined, DryRun: m.dryRun, Digest: read.Reference.Spec.Stub.Digest,
		Size: len(read.Stored), InGit: len(read.Text), Was: true, Edited: !bytes.Equal(read.Text, read.Stored)}
	if m.dryRun {
		return did, nil
	}
	return did, atomicfile.Replace(m.repo.Abs(f.path), f.data, read.Text)
}

// committed: the commit that is checked out has these bytes. Outside of Git nothing is.
func (m *moving) committed(f *file) bool {
	files := m.head()
	if files == nil {
		return false
	}
	data, err := files.ReadFile(f.path)
	return err == nil && bytes.Equal(data, f.data)
}

// headOf is the commit that is checked out; nil for none.
func headOf(root string) *tree.Tree {
	clone, err := git.OpenClone(root, git.Limits{})
	if err != nil {
		return nil
	}
	head, err := clone.Resolve("HEAD")
	if err != nil {
		return nil
	}
	files, err := clone.Tree(head)
	if err != nil {
		return nil
	}
	return files
}

func (m *moving) tell(all []moved) error {
	if m.format != render.Text {
		return m.format.Print(m.shell.Stdout, all, render.Table{})
	}
	would := ""
	if m.dryRun {
		would = "would be "
	}
	for _, did := range all {
		switch did.Change {
		case none:
			what := "a reference"
			if m.inline {
				what = "a stub"
			}
			m.shell.Printf("%s: %s already\n", did.File, what)
		case referenced:
			where := ""
			if did.Was {
				where = ", which had it"
			}
			m.shell.Printf("%s: %sa reference of %d bytes; the stub, %d bytes, %sin the key service's store%s\n", did.File,
				would, did.InGit, did.Size, would, where)
		case inlined:
			m.shell.Printf("%s: %sa stub again, %d bytes%s\n", did.File, would, did.InGit, edited(did))
		}
		if did.Committed {
			m.shell.Notef("%s was committed as a stub, and stays in Git's history as one; new values do not get there",
				did.File)
		}
	}
	return nil
}

func edited(did moved) string {
	if did.Edited {
		return ", with the wiring and the labels of the reference"
	}
	return fmt.Sprintf(", byte for byte %s", did.Digest)
}
