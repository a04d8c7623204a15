package apply

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
)

// ConflictError says that an object lives that somebody else made.
type ConflictError struct {
	ID ID
	// Labelled: it carries our labels, and no proof that counts on this cluster.
	Labelled bool
}

func (e *ConflictError) Error() string {
	text := inventory.Describe(e.ID) + " exists and is not bulla's: it was left untouched; delete it, take it out of Git, or take it over with the annotation " +
		v1alpha1.TakeOverAnnotation + `: "true"`
	if e.Labelled {
		text += " (it carries bulla's labels, but no proof that this cluster's controller made it)"
	}
	return text
}

// ImmutableError says that a live object cannot become what Git has.
type ImmutableError struct {
	ID ID
	// Fields are what cannot change; it may be empty.
	Fields string
}

func (e *ImmutableError) Error() string {
	what := "it is immutable or of another type"
	if e.Fields != "" {
		what = e.Fields + " cannot change"
	}
	return fmt.Sprintf("%s: %s: rename it, or annotate it %s: enabled to have it deleted and made anew",
		inventory.Describe(e.ID), what, v1alpha1.ForceAnnotation)
}

// ScopeError says that a kind is cluster-scoped here and was built as namespaced,
// or the other way round. A build knows Kubernetes' own kinds and what the tree
// says of others; the API server would drop a namespace without a word, and so
// carry an object past the placement's allow list.
type ScopeError struct {
	ID ID
	// Namespaced is what the kind is on this cluster.
	Namespaced bool
}

func (e *ScopeError) Error() string {
	kind := groupKind(e.ID).String()
	if e.Namespaced {
		return fmt.Sprintf("%s: the kind is namespaced here; take %q out of the placement's allow.clusterResources",
			inventory.Describe(e.ID), kind)
	}
	return fmt.Sprintf("%s: the kind is cluster-scoped here; the placement needs %q in allow.clusterResources",
		inventory.Describe(e.ID), kind)
}

// ReplaceError says that an object which could not change in place was not
// replaced by the one that Git has.
type ReplaceError struct {
	ID ID
	// Outcome says what stands now.
	Outcome Outcome
	// Err is why, masked if it must be.
	Err error
}

// Outcome is what stands after a replacement that failed.
type Outcome int

// What a replacement that failed leaves.
const (
	// Stands: nothing was deleted, the trial of the new one failed.
	Stands Outcome = iota
	// PutBack: the new one failed after all, and the old one was made again.
	PutBack
	// Lost: nor could the old one be made again.
	Lost
)

func (e *ReplaceError) Error() string {
	outcome := "what stood was left, because its replacement would be refused"
	switch e.Outcome {
	case PutBack:
		outcome = "what stood was put back, because its replacement was refused"
	case Lost:
		outcome = "it is gone: neither its replacement nor what stood is accepted"
	}
	return fmt.Sprintf("%s: %s: %s", inventory.Describe(e.ID), outcome, strings.TrimPrefix(e.Err.Error(),
		inventory.Describe(e.ID)+": "))
}

// Unwrap gives the cause.
func (e *ReplaceError) Unwrap() error { return e.Err }

// GoingError says that an object is being deleted, to be made anew.
type GoingError struct {
	ID         ID
	Finalizers []string
}

func (e *GoingError) Error() string {
	return fmt.Sprintf("%s is being deleted to be made anew, and waits for its finalizers %q",
		inventory.Describe(e.ID), e.Finalizers)
}

// UnseenError says that nobody can tell whether an object exists: its kind is
// not served. It counts neither as there nor as gone.
type UnseenError struct {
	ID  ID
	Why string
}

func (e *UnseenError) Error() string {
	return fmt.Sprintf("%s could not be looked at, and is not taken for gone: %s", inventory.Describe(e.ID), e.Why)
}

// quotable: an API server, or a webhook, may quote a value about such an object.
func quotable(id ID, sealed bool) bool { return sealed || id.Kind == "Secret" }

// about is what an API server said about an object, and the one place that decides
// what of it passes: nothing of its text about one that may hold values. keys are
// those of its data that stand in Git.
func about(id ID, sealed bool, err error, keys ...string) error {
	if quotable(id, sealed) {
		return mask.APIError(id, err, keys...)
	}
	return &plainError{err}
}

// explain words the error of one object.
func explain(o Object, verb string, err error) error {
	if spoken(err) {
		return err
	}
	said := about(o.ID, o.Sealed(), err, o.Keys...)
	if quotable(o.ID, o.Sealed()) {
		return said // it names the object
	}
	return fmt.Errorf("%s %s: %w", verb, inventory.Describe(o.ID), mask.Hinted(said))
}

// explainRemoval is explain for an object that the inventory alone knows: an
// admission policy that refuses a delete may quote it.
func explainRemoval(id ID, entry v1alpha1.InventoryEntry, verb string, err error) error {
	if spoken(err) {
		return err
	}
	sealed := entry.Content != ""
	said := about(id, sealed, err)
	if quotable(id, sealed) {
		return fmt.Errorf("%s: %w", verb, said)
	}
	return fmt.Errorf("%s %s: %w", verb, inventory.Describe(id), mask.Hinted(said))
}

// spoken are errors of this package, which say what they mean.
func spoken(err error) bool {
	for _, own := range []any{new(*ImmutableError), new(*ValueError), new(*ScopeError), new(*ReplaceError),
		new(*GoingError), new(*ConflictError), new(*UnseenError), new(*mask.MaskedError)} {
		if errors.As(err, own) {
			return true
		}
	}
	return false
}
