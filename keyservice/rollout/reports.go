package rollout

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Reports are what all clusters said last of releases, read once for all who ask of
// whatever placement: what thousands of clusters say of themselves is hundreds of
// megabytes, and this of it a few. So they are read one at a time.
type Reports struct {
	*clerk.Clerk

	Store Store

	mu    sync.Mutex
	ready map[string]releases
	until time.Time
}

// releases are those that a cluster reports Ready, by placement.
type releases map[string]string

// all are those of all clusters, by name. They stand as long as an answer does, and
// somebody who leaves does not stop who waits for the same.
func (r *Reports) all(ctx context.Context) (map[string]releases, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	if stands(now, r.until) {
		return r.ready, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostAgain)
	defer cancel()
	began := time.Now()
	ready, words := map[string]releases{}, words{}
	err := r.Store.EachState(ctx, r.Fleet, "", func(name string, state []byte) { ready[name] = readyWith(state, words) })
	if err != nil {
		return nil, err
	}
	r.ready, r.until = ready, now.Add(standsFor(time.Since(began)))
	return ready, nil
}

// readyWith are the releases that a state says the cluster is Ready with.
func readyWith(data []byte, words words) releases {
	state := &keyservicev1.ClusterState{}
	if proto.Unmarshal(data, state) != nil {
		return nil
	}
	ready := releases{}
	for _, d := range state.GetDeliveries() {
		if d.GetReady() == keyservicev1.Readiness_READINESS_READY && d.GetSuspended() == nil {
			ready[words.one(d.GetPlacement())] = words.one(d.GetRelease())
		}
	}
	return ready
}

// isReady says whether a cluster reports a placement Ready with a release.
func isReady(said releases, placement, release string) bool {
	return release != "" && said[placement] == release
}

// words keeps what thousands of clusters say in the same words once.
type words map[string]string

func (w words) one(s string) string {
	if known, ok := w[s]; ok {
		return known
	}
	w[s] = s
	return s
}
