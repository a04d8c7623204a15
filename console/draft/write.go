package draft

import (
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
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// take writes blocks that a browser sealed; see Take of desk/sealjob.
func (w *work) take(c Choice, blocks []api.Block) (map[string][]byte, error) {
	out, err := w.asked.Take(blocks)
	if err != nil {
		return nil, err
	}
	made := values.Recipes{}
	if c.Kind == New {
		made = c.Recipes
	}
	if c.Kind == New || c.Kind == Change {
		if out.Data, err = w.WithRecipes(out.Data, made); err != nil {
			return nil, err
		}
	}
	if out.Data, err = deliver(w.Where.File, out.Data, c.Deliver); err != nil {
		return nil, err
	}
	files := maps.Clone(w.Where.Also)
	if files == nil {
		files = map[string][]byte{}
	}
	files[w.Where.File] = out.Data
	return files, nil
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
func (c Choice) unsealed(s *clone.Snapshot) (map[string][]byte, error) {
	switch c.Kind {
	case Retire:
		file := s.Model.Files[api.KindPlacement+"/"+c.Placement]
		if s.Model.Placements[c.Placement] == nil || file == "" {
			return nil, fault.New("load the page anew: it may be gone since", "there is no application %.60q", c.Placement)
		}
		return map[string][]byte{file: nil}, nil
	case Away:
		where, err := c.where(s)
		if err != nil {
			return nil, err
		}
		return without(s, where.File)
	case Remove:
		return c.remove(s)
	case Suspend:
		return c.Many.suspended(s)
	case Enrol:
		return c.Many.enrolled(s)
	}
	return nil, fmt.Errorf("%s is sealed in a browser", c.Kind)
}

// remove takes the locks for targets out of a stub. Payloads stay.
func (c Choice) remove(s *clone.Snapshot) (map[string][]byte, error) {
	where, err := c.where(s)
	if err != nil {
		return nil, err
	}
	for _, target := range c.Targets {
		locks, err := where.Without(target)
		if err != nil {
			return nil, err
		}
		if where.Text, err = stub.SetLocks(where.File, where.Text, where.Stub, locks); err != nil {
			return nil, err
		}
		if where.Stub, err = api.ParseSealedManifest(where.File, where.Text); err != nil {
			return nil, err
		}
	}
	return map[string][]byte{where.File: where.Text}, nil
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
