package view

import (
	"context"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// Leaving are the objects that a Delivery is to drop, each with the revision at which
// Git placed it last on this cluster; "" where nobody knows.
type Leaving map[kustomize.ObjectID]string

// Consent counts those that neither fleet.yaml nor the Delivery's annotation lets go. astray
// are the revisions that fleet.yaml names and that are not in the history.
type Consent func(ctx context.Context, d *v1alpha1.Delivery, leaving Leaving) (guarded int, astray []string)

// Astray says in a condition's words that fleet.yaml consents to revisions that are not
// in the history: somebody waits for a line that does nothing.
func Astray(revisions []string) string {
	if len(revisions) == 0 {
		return ""
	}
	return "; it names " + strings.Join(revisions, ", ") + ", not in the history of the accepted head"
}
