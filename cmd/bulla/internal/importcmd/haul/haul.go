// Package haul is what an import brings from elsewhere: plain Secrets, in memory, and
// what could not come, each with its reason.
//
// Nothing here puts a value or a parser's own text into a reason: those end in
// terminals and tickets.
package haul

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Reader reads one kind of source. An error is about the source as a whole; what is
// wrong with one Secret of many is in the haul.
type Reader interface {
	Read(ctx context.Context) (*Haul, error)
}

// Haul is what a reader brought.
type Haul struct {
	Items []Item
	Left  []Left
	// Todo is what people must do, whatever becomes of the items.
	Todo []string
}

// Item is one Secret.
type Item struct {
	// From says where it stood, for people: "secrets.yaml:12".
	From   string
	Secret *corev1.Secret
	// Live says that a cluster has this very object, which is to be taken over.
	Live bool
	// Todo is what people must do once it is merged, and delivered.
	Todo []string
}

// Left is what does not come.
type Left struct {
	// What it is, or where it stands.
	What string
	Why  string
	Hint string
}

// Leave notes what does not come, and why.
func (h *Haul) Leave(what, why, hint string) {
	h.Left = append(h.Left, Left{What: what, Why: why, Hint: hint})
}

// Do notes what people must do, once.
func (h *Haul) Do(what string) {
	if !slices.Contains(h.Todo, what) {
		h.Todo = append(h.Todo, what)
	}
}
