package exportcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/recovery"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// file is one stub, opened.
type file struct {
	path string
	// text is what is written.
	text []byte
	// wired: the stub says deliverAs, which no other tool knows.
	wired bool
	// objects are its names.
	objects []string
}

func (o *options) run(ctx context.Context, s *shell.Shell, args []string) error {
	if o.out != "-" {
		if err := o.form.Check(o.out); err != nil {
			return err
		}
	}
	// Not verified, as with bulla open: a recovery must work from what is left.
	repo, err := s.Open()
	if err != nil {
		return err
	}
	finder := &recovery.Finder{Repo: repo, For: o.placement, Warn: s.Warnf, Progress: s.Progress()}
	stubs, err := o.stubs(s, finder, args)
	if err != nil {
		return err
	}
	ids, err := recovery.SourceOf(s).Identities(o.identities)
	if err != nil {
		return err
	}
	if err := finder.Build(ctx); err != nil {
		return err
	}
	files, left, err := o.openAll(ctx, s, finder, stubs, ids)
	defer func() {
		for _, f := range files {
			clear(f.text)
		}
	}()
	if err != nil {
		return err
	}
	if o.out == "-" {
		err = print(s, files)
	} else {
		err = o.write(s, files)
	}
	if err != nil {
		return err
	}
	return tell(s, files, left)
}

// stubs are those that were named.
func (o *options) stubs(s *shell.Shell, finder *recovery.Finder, args []string) ([]model.StubFile, error) {
	all, unreadable := model.Stubs(finder.Repo.Tree)
	if o.all {
		s.LeaveOutAll(unreadable)
		if len(all) == 0 {
			return nil, fault.New("`bulla seal` makes stubs", "the repository holds no stub")
		}
		return all, nil
	}
	picked := map[string]model.StubFile{}
	for _, arg := range args {
		rel, err := finder.Repo.Rel(arg)
		if err != nil {
			return nil, err
		}
		within := func(path string) bool { return rel == "." || path == rel || strings.HasPrefix(path, rel+"/") }
		found := false
		for _, stub := range all {
			if within(stub.Path) {
				picked[stub.Path], found = stub, true
			}
		}
		for _, u := range unreadable {
			if within(u.Path) {
				s.LeaveOutAll([]model.Unreadable{u})
				found = true
			}
		}
		if !found {
			return nil, fault.New("name a file of kind "+api.KindSealedManifest+", or a folder with some",
				"%s holds no stub", rel)
		}
	}
	var stubs []model.StubFile
	for _, path := range slices.Sorted(maps.Keys(picked)) {
		stubs = append(stubs, picked[path])
	}
	return stubs, nil
}

// openAll opens each. One that does not open keeps no other from coming.
func (o *options) openAll(
	ctx context.Context, s *shell.Shell, finder *recovery.Finder, stubs []model.StubFile, ids []age.Identity,
) (files []file, left int, err error) {
	progress := s.Progress()
	defer progress("")
	store := s.Store(finder.Repo.Model.Fleet.Spec.ID)
	defer store.Close()
	for i, stub := range stubs {
		progress("opening %d of %d: %s", i+1, len(stubs), stub.Path)
		one, err := o.open(ctx, finder, store, stub, ids)
		if ctx.Err() != nil {
			return files, left, ctx.Err()
		}
		if err != nil {
			left++
			s.Warnf("left behind: %v", strings.ReplaceAll(err.Error(), "\n", "; "))
			if hint := fault.Hint(err); hint != "" {
				s.Notef("%s: %s", stub.Path, hint)
			}
			continue
		}
		files = append(files, one)
	}
	return files, left, nil
}

func (o *options) open(
	ctx context.Context, finder *recovery.Finder, store *stored.Store, stub model.StubFile, ids []age.Identity,
) (file, error) {
	read, err := store.Read(ctx, stub.Path, stub.Data)
	if err != nil {
		return file{}, err
	}
	manifest := read.Stub
	objects, err := finder.Objects(stub.Path, manifest, finder.Uses(stub.Path))
	if err != nil {
		return file{}, err
	}
	one := file{path: stub.Path, wired: len(manifest.Spec.DeliverAs) > 0}
	var plain []byte
	defer func() { clear(plain) }()
	for _, object := range objects {
		values, err := recovery.Open(finder.Repo.Model.Fleet.Spec.ID, stub.Path, manifest, object, ids)
		if err != nil {
			return file{}, err
		}
		if o.asWritten {
			object = built.Use{Namespace: manifest.Metadata.Namespace, Name: manifest.Metadata.Name}
		}
		name := strings.TrimPrefix(object.Namespace+"/"+object.Name, "/")
		if slices.Contains(one.objects, name) {
			continue // several placements make it
		}
		secret, err := recovery.Secret(manifest, object, values)
		if err != nil {
			return file{}, err
		}
		unmark(secret)
		text, err := yaml.Marshal(secret)
		if err != nil {
			return file{}, fmt.Errorf("write Secret of %s", stub.Path)
		}
		if len(plain) > 0 {
			plain = append(plain, "---\n"...)
		}
		plain = append(plain, text...)
		clear(text)
		one.objects = append(one.objects, name)
	}
	one.text, err = o.form.Write(ctx, filepath.Join(o.out, filepath.FromSlash(stub.Path)), plain)
	return one, err
}

// unmark takes out what only bulla reads.
func unmark(secret map[string]any) {
	metadata, _ := secret["metadata"].(map[string]any)
	for _, field := range []string{"annotations", "labels"} {
		marks, _ := metadata[field].(map[string]any)
		maps.DeleteFunc(marks, func(key string, _ any) bool { return strings.HasPrefix(key, api.Group+"/") })
		if len(marks) == 0 {
			delete(metadata, field)
		}
	}
}

func print(s *shell.Shell, files []file) error {
	out := printable.Product(s.Stdout)
	for i, f := range files {
		if i > 0 {
			if _, err := out.Write([]byte("---\n")); err != nil {
				return err
			}
		}
		if _, err := out.Write(f.text); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) write(s *shell.Shell, files []file) error {
	for _, f := range files {
		path := filepath.Join(o.out, filepath.FromSlash(f.path))
		err := atomicfile.Create(path, f.text, 0o600)
		if errors.Is(err, fs.ErrExist) {
			err = fault.New("name another folder with --out: nothing is overwritten", "%w", err)
		}
		if err != nil {
			return err
		}
		s.Printf("%s: %s\n", path, strings.Join(f.objects, ", "))
	}
	return nil
}

// tell says what people must know; nothing of it on standard output, where values may be.
func tell(s *shell.Shell, files []file, left int) error {
	for _, f := range files {
		if f.wired {
			s.Notef("%s: deliverAs does not come along: write into the workloads what it says", f.path)
		}
	}
	switch {
	case len(files) == 0:
		return fault.New("each warning says why", "nothing could be exported")
	case left > 0:
		return &fault.Error{
			Code: fault.Findings, Hint: "each warning says why",
			Err: fmt.Errorf("%s left behind", plural.Of(left, "stub")),
		}
	}
	s.Notef("the audit log says nothing of this: who has the recovery key opens without the key service")
	return nil
}
