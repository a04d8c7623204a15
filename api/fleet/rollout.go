package fleet

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// PlacementRollout is the pace at which a new build comes to the clusters of a
// placement. It has no say in access.
type PlacementRollout struct {
	// Waves come in order. A cluster is in the first that names it; those in none come
	// after the last.
	Waves []RolloutWave `json:"waves"`
	// Pause is how long a wave must stand Ready before the next one begins, for waves
	// that say nothing of their own. Default none.
	Pause *Duration `json:"pause,omitempty"`
	// Paused: nothing new starts, in any wave.
	Paused bool `json:"paused,omitempty"`
}

// RolloutWave is some clusters of a placement: one, those of a set, or, in the last
// wave, all that are left.
type RolloutWave struct {
	// Name is for people; default is what the wave is of.
	Name        string `json:"name,omitempty"`
	ClusterName string `json:"clusterName,omitempty"`
	ClusterSet  string `json:"clusterSet,omitempty"`
	// MaxUnavailable is how many clusters of the wave need not be Ready for the next to
	// begin. Default 0.
	MaxUnavailable Amount `json:"maxUnavailable,omitempty"`
	// Pause overrides the rollout's.
	Pause *Duration `json:"pause,omitempty"`
}

// Amount is a number, 3 or "3", or a share, 25%, as Kubernetes' IntOrString.
type Amount string

// UnmarshalJSON takes what there is; validation says whether it is an amount.
func (a *Amount) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*a = Amount(text)
	return nil
}

const (
	maxWaves = 32
	// mostPause keeps a pause from being a stop that nobody sees.
	mostPause = 31 * 24 * time.Hour
)

var unavailable = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})$|^(0|[1-9][0-9]?)%$`)

// Of is what a wave is of: cluster/NAME, set/NAME, or rest. It tells the waves of a
// placement apart.
func (w RolloutWave) Of() string {
	switch {
	case w.ClusterName != "":
		return "cluster/" + w.ClusterName
	case w.ClusterSet != "":
		return "set/" + w.ClusterSet
	}
	return "rest"
}

// String names the wave to people.
func (w RolloutWave) String() string {
	if w.Name != "" {
		return w.Name
	}
	return w.Of()
}

// MayLack is how many of n clusters need not be Ready. A share is rounded down, and one
// cluster at least must be: nobody else shows that a release is good.
func (w RolloutWave) MayLack(n int) int {
	share, isShare := strings.CutSuffix(string(w.MaxUnavailable), "%")
	count, err := strconv.Atoi(share)
	switch {
	case err != nil:
		return 0
	case isShare:
		return n * count / 100
	}
	return max(0, min(count, n-1))
}

// PauseAfter is how long a wave must stand Ready before the next one begins.
func (r *PlacementRollout) PauseAfter(w RolloutWave) time.Duration {
	switch {
	case w.Pause != nil:
		return w.Pause.Duration
	case r.Pause != nil:
		return r.Pause.Duration
	}
	return 0
}

func (r *PlacementRollout) validate(p *problems) {
	if r == nil {
		return
	}
	if len(r.Waves) == 0 || len(r.Waves) > maxWaves {
		p.add("spec.rollout.waves", "has %d waves; write between 1 and %d", len(r.Waves), maxWaves)
		return
	}
	p.checkPause("spec.rollout.pause", r.Pause)
	for i, w := range r.Waves {
		w.validate(p, fmt.Sprintf("spec.rollout.waves[%d]", i), i == len(r.Waves)-1)
	}
	if i, ok := firstDuplicate(r.Waves, RolloutWave.Of); ok {
		p.add(fmt.Sprintf("spec.rollout.waves[%d]", i), "stands twice")
	}
}

func (w RolloutWave) validate(p *problems, field string, last bool) {
	switch {
	case w.ClusterName != "" && w.ClusterSet != "":
		p.add(field, "must have one of clusterName and clusterSet")
	case w.ClusterName != "":
		p.checkLabel(field+".clusterName", w.ClusterName)
	case w.ClusterSet != "":
		p.checkLabel(field+".clusterSet", w.ClusterSet)
	case !last:
		p.add(field, "names no cluster and no set; only the last wave may be all that are left")
	}
	if w.Name != "" {
		p.checkLabel(field+".name", w.Name)
	}
	if w.MaxUnavailable != "" && !unavailable.MatchString(string(w.MaxUnavailable)) {
		p.add(field+".maxUnavailable", "%q is neither a number nor a share below 100%%", clip(string(w.MaxUnavailable)))
	}
	p.checkPause(field+".pause", w.Pause)
}

func (p *problems) checkPause(field string, pause *Duration) {
	if pause != nil && (pause.Duration < 0 || pause.Duration > mostPause) {
		p.add(field, "must be between 0s and %dh", int(mostPause.Hours()))
	}
}
