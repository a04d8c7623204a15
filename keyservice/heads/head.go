package heads

import (
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// Head is one accepted head: immutable, but for what is built on demand.
type Head struct {
	Hash  string
	Tree  *tree.Tree
	Model *model.Model
	Known sealing.Known
	// ends is when the next target of it ends; zero for never.
	ends    time.Time
	indexes indexes
	samples samples
	// superseded is set when another head was found in force.
	superseded atomic.Bool
}

func newHead(of *follow.Head) *Head {
	return &Head{Hash: of.Hash, Tree: of.Tree, Model: of.Model, Known: of.Known}
}

// Supersede notes that another head was found in force.
func (h *Head) Supersede() { h.superseded.Store(true) }

// Superseded reports whether another head was found in force, which is not here yet.
func (h *Head) Superseded() bool { return h.superseded.Load() }
