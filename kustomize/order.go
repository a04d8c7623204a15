package kustomize

import (
	"cmp"
	"slices"
	"strings"
)

// pathOrder lists a folder's entries so that whole paths come out sorted
// bytewise: a folder sorts as if its name ended in "/". ("a.yaml" stands before
// "a/b.yaml".)
func pathOrder(d *dir) []int {
	order := make([]int, len(d.entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(strings.Compare(pathKey(d.entries[a]), pathKey(d.entries[b])), a-b)
	})
	return order
}

func pathKey(n node) string {
	if n.kind == dirNode {
		return n.name + "/"
	}
	return n.name
}
