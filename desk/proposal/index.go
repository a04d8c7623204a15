package proposal

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// index is one of git's, that of nobody's working tree.
type index struct {
	r    Repository
	base string
	// prefix of the fleet in the repository, "" or with "/" at its end.
	prefix string
	// work is a folder that is removed with it.
	work string
}

func (r Repository) newIndex(ctx context.Context, work, base string) (*index, error) {
	prefix, err := r.git(ctx, call{args: []string{"rev-parse", "--show-prefix"}})
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	i := &index{r: r, base: base, prefix: prefix, work: work}
	if _, err := i.git(ctx, nil, "read-tree", base); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return i, nil
}

// git runs with the index. What the user's configuration says of the index of a working
// tree would write beside that one.
func (i *index) git(ctx context.Context, in []byte, args ...string) (string, error) {
	set := []string{"-c", "core.splitIndex=false", "-c", "index.sparse=false", "-c", "core.fsmonitor=false",
		"-c", "core.untrackedCache=false"}
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(i.work, "index")}
	return i.r.git(ctx, call{args: append(set, args...), env: env, in: in})
}

// with puts files in, and gives the tree of all.
func (i *index) with(ctx context.Context, files map[string][]byte) (string, error) {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if err := checkPath(name, files); err != nil {
			return "", err
		}
	}
	modes, err := i.modes(ctx, names)
	if err != nil {
		return "", err
	}
	hashes, err := i.write(ctx, names, files)
	if err != nil {
		return "", err
	}
	var lines bytes.Buffer
	for _, name := range names {
		mode, err := modes.of(i.prefix, name, files[name] == nil)
		if err != nil {
			return "", err
		}
		hash := hashes[name]
		if files[name] == nil {
			mode, hash = "0", strings.Repeat("0", len(i.base))
		}
		fmt.Fprintf(&lines, "%s %s\t%s\x00", mode, hash, i.prefix+name)
	}
	if _, err := i.git(ctx, lines.Bytes(), "update-index", "-z", "--index-info"); err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	tree, err := i.git(ctx, nil, "write-tree")
	if err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	return tree, nil
}

// checkPath refuses what would come to stand outside of the fleet, or in the place of
// Git's own files where somebody checks it out.
func checkPath(name string, files map[string][]byte) error {
	hint := "name a file by its path from the fleet's folder, as apps/payments/db.yaml"
	for _, one := range strings.Split(name, "/") {
		if problem := tree.NameProblem(one); problem != "" {
			return fault.New(hint, "commit %s: %s", printable.Name(name), problem)
		}
	}
	for at := path.Dir(name); at != "."; at = path.Dir(at) {
		if _, ok := files[at]; ok {
			return fault.New(hint, "commit %s: %s is a file of the same change", printable.Name(name), printable.Name(at))
		}
	}
	return nil
}

// write has the bytes stand in Git as they are: filters are for working trees.
func (i *index) write(ctx context.Context, names []string, files map[string][]byte) (map[string]string, error) {
	var written, paths []string
	for _, name := range names {
		if files[name] == nil {
			continue
		}
		at := filepath.Join(i.work, "file-"+strconv.Itoa(len(written)))
		if err := os.WriteFile(at, files[name], 0o600); err != nil {
			return nil, fmt.Errorf("commit %s: %w", printable.Name(name), err)
		}
		written, paths = append(written, name), append(paths, at+"\n")
	}
	hashes := map[string]string{}
	if len(written) == 0 {
		return hashes, nil
	}
	out, err := i.git(ctx, []byte(strings.Join(paths, "")), "hash-object", "-w", "--no-filters", "--stdin-paths")
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	all := strings.Fields(out)
	if len(all) != len(written) {
		return nil, fmt.Errorf("commit: git wrote %d of %s", len(all), plural.Of(len(written), "file"))
	}
	for n, name := range written {
		hashes[name] = all[n]
	}
	return hashes, nil
}
