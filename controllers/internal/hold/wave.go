package hold

import (
	"context"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

const (
	// askAgain is when a key service that did not answer is asked again.
	askAgain = 15 * time.Second
	// mostAgain bounds what an answer may say of that.
	mostAgain = 2 * time.Minute
	// answerIn is what one question may take: a little more than the service itself
	// waits for Git.
	answerIn = 12 * time.Second
)

// Pacer says whose turn it is; *keyservice/client.Client does.
type Pacer interface {
	// MayTake says whether this cluster may take a release of a placement now; why, and
	// when to ask again, where it may not.
	MayTake(ctx context.Context, in *keyservicev1.MayTakeRequest) (may bool, why string, again time.Duration, err error)
}

// Release is what comes to this cluster.
type Release struct {
	// Head is the commit's hash, Revision is for people.
	Head, Revision string
	Placed         *kustomize.Placed
	// Stood: this very build was Ready here before.
	Stood bool
}

// Wave holds a release until it is this cluster's turn; nil for no hold. Whoever cannot
// be asked says no: a release that nobody paces would be everywhere at once.
func Wave(ctx context.Context, pacer Pacer, of Release) *Hold {
	p := of.Placed.Placement
	if p.Spec.Rollout == nil {
		return nil
	}
	if pacer == nil {
		return &Hold{Again: askAgain, End: waits(v1alpha1.WaitingForWaveReason, of.Revision,
			"there is no connection to the key service, which says whose turn it is")}
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	may, why, again, err := pacer.MayTake(ctx, &keyservicev1.MayTakeRequest{Revision: of.Head,
		Placement: p.Metadata.Name, Release: of.Placed.Release(), Stood: of.Stood})
	switch {
	case err != nil:
		why, again = fmt.Sprintf("the key service does not say whose turn it is: %v", say.Steady(err)), askAgain
	case may:
		return nil
	case again <= 0:
		again = askAgain
	}
	// At a pause's end they ask one after the other.
	return &Hold{Again: pace.Spread(min(again, mostAgain)), End: waits(v1alpha1.WaitingForWaveReason, of.Revision, why)}
}
