package tree

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// ByPath gives a folder's entries so that whole paths come out sorted
// bytewise: a folder sorts as if its name ended in "/". ("a.yaml" stands before
// "a/b.yaml".)
func (d *Dir) ByPath() iter.Seq[*Node] {
	order := make([]int, len(d.entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(strings.Compare(pathKey(d.entries[a]), pathKey(d.entries[b])), a-b)
	})
	return func(yield func(*Node) bool) {
		for _, i := range order {
			if !yield(&d.entries[i]) {
				return
			}
		}
	}
}

func pathKey(n Node) string {
	if n.Kind == Folder {
		return n.Name + "/"
	}
	return n.Name
}
