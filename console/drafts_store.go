package console

import (
	"context"
	"errors"
	"net/http"

	"github.com/bulla-dev/bulla/console/draft"
)

// storing is what a draft has to do with the key service's store.
type storing struct {
	// Kept is how many bytes go there when the request is made, Large what would stand in Git
	// otherwise; 0 for nothing.
	Kept, Large int
	// Chosen: what goes there could stand in Git as well.
	Chosen bool
	// Cannot says why the person can put nothing there.
	Cannot *notice
}

func storeOf(ctx context.Context, d draft.Draft) storing {
	s := storing{Kept: d.Kept(), Large: d.Large(), Chosen: d.Stored}
	if s.Large > 0 || s.Chosen {
		s.Cannot = cannotKeep(ctx, "You cannot put it there")
	}
	return s
}

// refer has the ciphertext of a draft go to the key service's store, or stay in Git.
func (c *Console) refer(w http.ResponseWriter, r *http.Request) error {
	d, err := c.draftOf(r)
	if err != nil {
		return err
	}
	if _, err = c.drafts.Refer(r.Context(), d, r.PostFormValue("store") == "yes"); err != nil &&
		!errors.As(err, new(*draft.Moved)) { // of which the page tells
		return &statusError{http.StatusUnprocessableEntity, err}
	}
	http.Redirect(w, r, "/drafts/"+d.ID, http.StatusSeeOther)
	return nil
}

// keep puts the stubs of a draft into the store, as the person who asks. They are there
// before a branch names them; what a draft has that nobody requests is nowhere but in it.
func (c *Console) keep(ctx context.Context, d draft.Draft) error {
	if len(d.Keep) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	return c.drafts.Put(ctx, d)
}
