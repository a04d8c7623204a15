package proposal

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// modes are those of the base, by paths from the repository's root, as ls-tree(1) has
// them.
type modes map[string]string

const (
	aFile   = "100644"
	aScript = "100755"
	aFolder = "040000"
)

// modes looks at files and at all folders on the way to them.
func (i *index) modes(ctx context.Context, names []string) (modes, error) {
	asked := map[string]bool{}
	for _, name := range names {
		for at := i.prefix + name; at != "."; at = path.Dir(at) {
			asked[at] = true
		}
	}
	// One folder at a time: git follows a path into a folder that is a file to nothing,
	// and says nothing of the file.
	folders := map[string]bool{"": true}
	found := modes{}
	for len(folders) > 0 {
		next := map[string]bool{}
		for folder := range folders {
			out, err := i.git(ctx, nil, "ls-tree", "-z", "--full-tree", i.base+":"+folder)
			if err != nil {
				return nil, fmt.Errorf("commit: %w", err)
			}
			for _, line := range strings.Split(out, "\x00") {
				what, name, ok := strings.Cut(line, "\t")
				at := path.Join(folder, name)
				if mode, _, _ := strings.Cut(what, " "); ok && asked[at] {
					if found[at] = mode; mode == aFolder {
						next[at] = true
					}
				}
			}
		}
		folders = next
	}
	return found, nil
}

// of is the mode of a file that is to come; what stands there now must be a file, or
// nothing, and everything on the way a folder.
func (m modes) of(prefix, name string, goes bool) (string, error) {
	full := prefix + name
	for at := path.Dir(full); at != "."; at = path.Dir(at) {
		if mode, ok := m[at]; ok && mode != aFolder {
			return "", fault.New("write into a folder of the fleet itself: what is behind a link or in another repository "+
				"is not reviewed here", "commit %s: %s is %s", printable.Name(name), printable.Name(at), word(mode))
		}
	}
	mode, there := m[full]
	switch {
	case !there && goes:
		return "", fault.New("somebody else may have taken it away; look at what is there now",
			"commit %s: it is not there to be taken away", printable.Name(name))
	case !there:
		return aFile, nil
	case mode != aFile && mode != aScript:
		return "", fault.New("choose another name", "commit %s: it is %s", printable.Name(name), word(mode))
	}
	return mode, nil
}

func word(mode string) string {
	switch mode {
	case aFolder:
		return "a folder"
	case "120000":
		return "a link"
	case "160000":
		return "another repository"
	}
	return "a file"
}
