package rollout

import (
	"fmt"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/model"
)

const (
	// askAgain is when who waits for other clusters asks again. The more wait, the
	// longer, up to mostAgain.
	askAgain  = 5 * time.Second
	mostAgain = time.Minute
	// eachAgain is what one more cluster that waits adds.
	eachAgain = 10 * time.Millisecond
)

// Turn is an answer: whether a wave may begin, and if not, why and when to ask again.
type Turn struct {
	May   bool
	Why   string
	Again time.Duration
}

// front is how far a release came: the first wave that has not passed, why it has not,
// and when that may change by itself.
type front struct {
	wave  int
	why   string
	again time.Duration
	// paused is why nothing starts whose turn it would be; "" for nothing.
	paused string
}

// turn is that of one cluster. It may go where every wave before its own has passed.
func (p *plan) turn(cluster string, at front) Turn {
	wave, ok := p.waveOf[cluster]
	switch {
	case p.rollout.Paused:
		return Turn{Why: "Git pauses the rollout (spec.rollout.paused)", Again: askAgain}
	case at.paused != "":
		return Turn{Why: at.paused, Again: askAgain}
	case !ok: // it is suspended in Git, or the fleet changed under the question
		return Turn{Why: "no wave has this cluster", Again: askAgain}
	case wave <= at.wave:
		return Turn{May: true}
	}
	waiting := 0
	for _, later := range p.waves[at.wave+1:] {
		waiting += len(later.Clusters)
	}
	again := askAgain + time.Duration(wave-at.wave-1)*askAgain + time.Duration(waiting)*eachAgain
	if at.again > 0 {
		again = min(again, at.again)
	}
	return Turn{Why: fmt.Sprintf("wave %s %s", p.waves[at.wave], at.why), Again: min(again, mostAgain)}
}

// question is what the front is found by. It is read-only, and no clock but now counts.
type question struct {
	placement string
	rollout   *api.PlacementRollout
	waves     []model.Wave
	// known is what is kept of this release, by wave.
	known map[string]store.Wave
	// ready says whether a cluster reports the release, Ready.
	ready func(cluster string) bool
	now   time.Time
}

// front finds how far a release came, and what there is to keep of it. A wave has passed
// once it was, at some time, Ready on all but a few, for its pause; what its clusters say
// later holds nobody. So a release that went through the waves before, as that of a
// revert, waits for none. Nobody comes after the last wave, so that nobody looks at it.
func (q question) front() (at front, changed []store.Wave) {
	for i := range max(0, len(q.waves)-1) {
		was := q.known[q.waves[i].Of()]
		was.Of = q.waves[i].Of()
		row, why, again := q.passes(q.waves[i], was)
		if row != was {
			changed = append(changed, row)
		}
		if why != "" {
			return front{wave: i, why: why, again: again}, changed
		}
	}
	return front{wave: len(q.waves)}, changed
}

// passes says why a wave has not passed, "" for one that has, and what its row becomes.
// One that an operator promoted is looked at all the same: it may pass by itself before
// the promotion ends.
func (q question) passes(wave model.Wave, row store.Wave) (_ store.Wave, why string, again time.Duration) {
	if !row.Passed.IsZero() && row.Until.IsZero() {
		return row, "", 0
	}
	promoted := row
	row, why, again = q.judged(wave, store.Wave{Of: row.Of, Since: row.Since})
	if why == "" {
		return row, "", 0
	}
	row.Passed, row.Until = promoted.Passed, promoted.Until // also when it is over: it was so
	if row.HasPassed(q.now) {
		return row, "", 0
	}
	return row, why, again
}

// judged is passes by what the clusters say alone.
func (q question) judged(wave model.Wave, row store.Wave) (_ store.Wave, why string, again time.Duration) {
	if len(wave.Clusters) == 0 {
		return row, "has no cluster that could show that the release is good; " +
			"hint: mend spec.rollout.waves in Git, as bulla validate says", 0
	}
	lacking := 0
	for _, name := range wave.Clusters {
		if !q.ready(name) {
			lacking++
		}
	}
	if may := wave.MayLack(len(wave.Clusters)); lacking > may {
		row.Since = time.Time{} // its pause begins anew
		// Who lacks is not for other clusters to know. And each that waits reports what it
		// is told: a count would have them all report at each step.
		return row, fmt.Sprintf("is not Ready with it; hint: bulla status --rollout --placement %s says who lacks; "+
			"mend the release, or revert it", q.placement), 0
	}
	if row.Since.IsZero() || row.Since.After(q.now) {
		row.Since = q.now
	}
	left := row.Since.Add(q.rollout.PauseAfter(wave.RolloutWave)).Sub(q.now)
	if left > 0 {
		return row, "is Ready, and pauses until " + q.now.Add(left).UTC().Format(time.RFC3339), left
	}
	row.Passed = q.now
	return row, "", 0
}
