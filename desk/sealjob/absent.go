package sealjob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// absent is how a build says that a kustomization lists a file that is not there.
var absent = regexp.MustCompile(`^resources\[\d+\]: "([^"]+\.ya?ml)" does not exist$`)

// find builds the placements. Whoever lists several new stubs has none of them
// yet: each would wait for the others. So files that are listed and not there are
// built as an object that means nothing, and named.
func (s search) find(ctx context.Context, tree *tree.Tree, placements []*api.Placement) (*built.Result, error) {
	const most = 32
	stoodIn := map[string]bool{}
	for {
		result, err := built.Find(ctx, s.Builder, tree, placements, s.where.File, s.Progress)
		if err != nil {
			return nil, err
		}
		more := missing(result.Failed, stoodIn)
		if len(more) == 0 || len(stoodIn) > most {
			s.nameAbsent(stoodIn)
			return result, nil
		}
		for _, file := range more {
			stoodIn[file] = true
			if tree, err = tree.With(file, nothing(len(stoodIn), placements)); err != nil {
				return nil, err
			}
		}
	}
}

// missing are files that builds fail for, and that nothing stands in for yet.
func missing(failed map[string]error, stoodIn map[string]bool) []string {
	more := map[string]bool{}
	for _, err := range failed {
		var build *kustomize.BuildError
		if !errors.As(err, &build) {
			continue
		}
		m := absent.FindStringSubmatch(build.Problem)
		if m == nil {
			continue
		}
		if file := path.Join(path.Dir(build.File), m[1]); !stoodIn[file] && !strings.HasPrefix(file, "..") {
			more[file] = true
		}
	}
	return slices.Sorted(maps.Keys(more))
}

// nothing is an object that no other one names. A placement with several
// namespaces wants it to say one.
func nothing(n int, placements []*api.Placement) []byte {
	namespace := ""
	if all := placements[0].Spec.AllNamespaces(); len(placements) == 1 && len(all) > 1 {
		namespace = ", namespace: " + all[0]
	}
	return fmt.Appendf(nil, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: not-there-yet-%d%s}\n", n, namespace)
}

func (s search) nameAbsent(files map[string]bool) {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		s.Note("%s is listed and not there yet", file)
	}
}
