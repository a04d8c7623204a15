package draft

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// take writes blocks that a browser sealed; see Take of desk/sealjob.
func (w *work) take(c Choice, blocks []api.Block) (done written, err error) {
	out, err := w.asked.Take(blocks)
	if err != nil {
		return done, err
	}
	if c.Kind == New || c.Kind == Change {
		if out.Data, err = w.WithRecipes(out.Data, c.Recipes); err != nil {
			return done, err
		}
	}
	if out.Data, err = deliver(w.Where.File, out.Data, c.Deliver); err != nil {
		return done, err
	}
	data, keep, err := w.place.next(w.Fleet.Repo.Model.Fleet.Spec.ID, out.Data, c.Stored)
	if err != nil {
		return done, err
	}
	done.files = maps.Clone(w.Where.Also)
	return done.with(w.Where.File, data, keep), nil
}

func deliver(file string, data []byte, entries []api.DeliverAs) ([]byte, error) {
	if len(entries) == 0 {
		return data, nil
	}
	old, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	written, err := stub.Deliver(file, data, old, append(slices.Clone(old.Spec.DeliverAs), entries...))
	var problem *api.ParseError
	if errors.As(err, &problem) {
		return nil, &FieldError{"deliver", fault.NewUsage("choose another way for the pods to get it", "%s", problem.Problem)}
	}
	return written, err
}

// unsealed are the files of a choice that seals nothing.
func (c Choice) unsealed(ctx context.Context, s base) (done written, err error) {
	switch c.Kind {
	case Retire:
		file := s.Model.Files[api.KindPlacement+"/"+c.Placement]
		if s.Model.Placements[c.Placement] == nil || file == "" {
			return done, c.noApplication()
		}
		done.files = map[string][]byte{file: nil}
	case Away:
		// What it keeps in a store is not looked at: it goes whatever is there.
		if _, err = s.file(c.File); err == nil {
			done.files, err = without(s.Snapshot, c.File)
		}
	case Remove:
		done, err = c.remove(ctx, s)
	case Join, Leave:
		done.files, err = c.placed(s.Snapshot)
	case Suspend:
		done.files, err = c.Many.suspended(s.Snapshot)
	case Enrol:
		done.files, err = c.Many.enrolled(s.Snapshot)
	default:
		err = fmt.Errorf("%s is sealed in a browser", c.Kind)
	}
	return done, err
}

// remove takes the locks for targets out of a stub. Payloads stay.
func (c Choice) remove(ctx context.Context, s base) (done written, err error) {
	where, err := c.where(ctx, s)
	if err != nil {
		return done, err
	}
	for _, target := range c.Targets {
		locks, err := where.Without(target)
		if err != nil {
			return done, err
		}
		if where.Text, err = stub.SetLocks(where.File, where.Text, where.Stub, locks); err != nil {
			return done, err
		}
		if where.Stub, err = api.ParseSealedManifest(where.File, where.Text); err != nil {
			return done, err
		}
	}
	data, keep, err := where.next(s.Model.Fleet.Spec.ID, where.Text, false)
	if err != nil {
		return done, err
	}
	return done.with(where.File, data, keep), nil
}

// without is a stub's file gone, and its line in the kustomization beside it.
func without(s *clone.Snapshot, file string) (map[string][]byte, error) {
	files := map[string][]byte{file: nil}
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		at := path.Join(path.Dir(file), name)
		data, err := s.Tree.ReadFile(at)
		if err != nil {
			continue
		}
		edited, err := yamltext.RemoveText(data, path.Base(file), "resources")
		if err != nil {
			return nil, fault.New("take the line out there yourself, in a clone; or retire the application, if it has "+
				"nothing else", "edit %s: %w", at, err)
		}
		if string(edited) != string(data) {
			files[at] = edited
		}
	}
	return files, nil
}
