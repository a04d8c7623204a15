package standing

import (
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/desk/ledger"
)

// State is where an application stands on a cluster, or on several together: then it is
// the worst. Greater is worse.
type State uint8

// States, the worst last.
const (
	// None: Git places nothing there, and nothing is there.
	None State = iota
	// InUse: all of its secrets are there, and a pod uses each that is read by one.
	InUse
	// Delivered: it is there, and has no secrets.
	Delivered
	// Provisioned: all of its secrets are there, and no pod uses one of them yet.
	Provisioned
	// Configured: Git places it, and the cluster has not taken it yet.
	Configured
	// Leaving: Git does not place it any more, and something of it is still there.
	Leaving
	// Deprovisioned: it was there, and is gone.
	Deprovisioned
	// Delivering: another version of it is on its way.
	Delivering
	// Held: it waits for somebody, or for a time.
	Held
	// Silent: the cluster does not say.
	Silent
	// Missing: it should be there, and is not.
	Missing
	// Denied: an operator denies one of its secrets.
	Denied
	// Failed: the cluster cannot take it.
	Failed
	states
)

var stateWords = [states]string{"", "In use", "Delivered", "Provisioned", "Configured", "Leaving", "Deprovisioned",
	"Delivering", "Held", "Silent", "Missing", "Denied", "Failed"}

// String is the word that people see; "" for [None].
func (s State) String() string { return stateWords[s] }

// Troubled says that somebody may have to do something.
func (s State) Troubled() bool { return s >= Held }

// ParseState reads a word of [State.String]; ok is false for one that is none.
func ParseState(word string) (s State, ok bool) {
	for i, known := range stateWords {
		if i > 0 && known == word {
			return State(i), true
		}
	}
	return None, false
}

// StateWords are the words to choose from.
func StateWords() []string { return stateWords[1:] }

// waiting are reasons of a Delivery for which nothing is broken: it goes on by itself, or
// when somebody lets it.
var waiting = map[string]State{
	v1alpha1.WaitingForWindowReason: Held, v1alpha1.WaitingForWaveReason: Held, v1alpha1.PruneBlockedReason: Held,
	v1alpha1.SuspendedReason: Held, v1alpha1.StillInUseReason: Held, v1alpha1.KeyServiceUnavailableReason: Held,
	v1alpha1.DeniedReason: Denied, v1alpha1.DeprovisioningReason: Leaving, v1alpha1.NotInFleetReason: Held,
	"DependencyNotReady": Held, "Progressing": Delivering, "ProgressingWithRetry": Delivering,
}

// ofDelivery is what a cluster says of a placement that is there, without its secrets.
func ofDelivery(d *ledger.Delivery) State {
	switch {
	case d.Suspended != nil:
		return Held
	case d.Ready == "True":
		return Delivered
	}
	if state, known := waiting[d.Reason]; known {
		return state
	}
	if d.Ready == "False" {
		return Failed
	}
	return Delivering
}

// SecretState is where one secret stands on a cluster, as the cluster says.
func SecretState(s *ledger.Secret) State {
	switch {
	case s.Denied:
		return Denied
	case s.Match == ledger.Missing:
		return Missing
	case s.Match == ledger.Outdated:
		return Delivering
	case s.Match == ledger.NotPlaced, s.Match == ledger.Broken:
		return Leaving
	}
	switch s.State {
	case "InUse":
		return InUse
	case "Provisioned":
		return Provisioned
	case "Deprovisioned":
		return Deprovisioned
	}
	return Configured
}
