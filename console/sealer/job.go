package sealer

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/value"
)

// Job says what to seal, for whom. All of it is public.
type Job struct {
	// Scope, Namespace and Name are of the object as a cluster has it, as `bulla seal`
	// takes them: the values open there alone.
	Scope     api.Scope `json:"scope"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	// Blocks are the keys of each block: one value to each, or values that must change
	// together. Of a stub that is there they are those that change, no others.
	Blocks  [][]string `json:"blocks"`
	Targets []Target   `json:"targets"`
	// Generate has the recipe of each value that is made here and shown to nobody, by
	// its key: "32,alnum".
	Generate map[string]string `json:"generate,omitempty"`
	// Shape says what the values are of, so that they are put together and looked at here:
	// see shape.go. "" is values as they are.
	Shape string `json:"shape,omitempty"`
	// Variables are the keys whose values pods get as environment variables: text alone.
	Variables []string `json:"variables,omitempty"`
	// AllowEmpty admits empty values, which are nearly always a mistake.
	AllowEmpty bool `json:"allowEmpty,omitempty"`
}

// Target is whom to lock for: a set, or a cluster with what its file has.
type Target struct {
	Set       string      `json:"set,omitempty"`
	Cluster   string      `json:"cluster,omitempty"`
	Recipient string      `json:"recipient,omitempty"`
	VouchedBy api.Voucher `json:"vouchedBy,omitempty"`
}

// Sealed is what comes of a job.
type Sealed struct {
	// Blocks are in the order of the job.
	Blocks []api.Block `json:"blocks"`
	// Notes say what editors added to values.
	Notes []Note `json:"notes,omitempty"`
}

// Note is of one value.
type Note struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// Seal seals values by their keys, and wipes what was given, whatever comes of it.
func (f *Fleet) Seal(job Job, given map[string][]byte) (*Sealed, error) {
	defer wipe(given)
	values, err := job.shaped(given)
	if err != nil {
		return nil, err
	}
	// Made values are in it too, and what a shape put together.
	defer wipe(values)
	if err := job.make(values); err != nil {
		return nil, err
	}
	if err := job.check(values); err != nil {
		return nil, err
	}
	targets, err := job.lockTargets()
	if err != nil {
		return nil, err
	}
	key, ok := f.spec.ActiveKey()
	if !ok {
		return nil, &Error{"the fleet has no Active sealing key", "tell an operator"}
	}
	sealer, err := sealing.NewSealer(key, f.spec.RecoveryRecipients)
	if err != nil {
		return nil, &Error{err.Error(), "tell an operator: nothing was sealed"}
	}
	sealed := &Sealed{}
	for i := range job.Blocks {
		block, err := job.seal(f.spec.ID, sealer, i, values, targets)
		if err != nil {
			return nil, &Error{err.Error(), "choose other clusters, or tell an operator: nothing was sealed"}
		}
		sealed.Blocks = append(sealed.Blocks, block)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		for _, text := range value.Notes(values[key]) {
			sealed.Notes = append(sealed.Notes, Note{key, text})
		}
	}
	return sealed, nil
}

func wipe(values map[string][]byte) {
	for _, v := range values {
		clear(v)
	}
}

func (j Job) seal(
	fleet string, sealer *sealing.Sealer, i int, values map[string][]byte, targets []sealing.LockTarget,
) (api.Block, error) {
	c := sealing.Context{Fleet: fleet, Scope: j.Scope.OrDefault(), Kind: "Secret"}
	c.Namespace, c.Name = c.Scope.Binds(j.Namespace, j.Name)
	plain := map[string]string{}
	for _, key := range slices.Sorted(slices.Values(j.Blocks[i])) {
		c.Fields = append(c.Fields, "/data/"+key)
		plain["/data/"+key] = base64.StdEncoding.EncodeToString(values[key])
	}
	return sealer.Seal(c, plain, targets)
}

// make adds the values that are to be generated.
func (j Job) make(values map[string][]byte) error {
	for key, text := range j.Generate {
		if _, given := values[key]; given {
			return &Error{fmt.Sprintf("%.60q is given and is to be generated", key), "do one of both"}
		}
		recipe, err := value.ParseRecipe(text)
		if err != nil {
			return &Error{err.Error(), "write for example 32,alnum"}
		}
		if values[key], _, err = recipe.Make(); err != nil {
			return &Error{err.Error(), "try it again"}
		}
	}
	return nil
}

func (j Job) lockTargets() (targets []sealing.LockTarget, err error) {
	for _, t := range j.Targets {
		if (t.Set == "") == (t.Cluster == "") {
			return nil, &Error{"a target is neither a set nor a cluster", "choose the clusters again"}
		}
		if t.Set != "" {
			targets = append(targets, sealing.LockTarget{Target: sealing.Target{Kind: sealing.Set, Name: t.Set}})
			continue
		}
		cluster := &api.Cluster{Metadata: api.Metadata{Name: t.Cluster},
			Spec: api.ClusterSpec{Recipient: t.Recipient, VouchedBy: t.VouchedBy}}
		target, err := sealing.ForCluster(cluster)
		if err != nil {
			return nil, &Error{err.Error(), "lock to a set, or have an operator compare the cluster's keys"}
		}
		targets = append(targets, target)
	}
	return targets, nil
}
