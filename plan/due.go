package plan

import (
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// KeyDue is a sealing key that was superseded, and that stubs of the head still need.
type KeyDue struct {
	Key    string        `json:"key"`
	Status api.KeyStatus `json:"status"`
	// Stubs are the files with a lock that the Active key does not have.
	Stubs int    `json:"stubs"`
	Hint  string `json:"hint"`
}

// keysDue counts them over the whole head: a key is retired for all at once. It is no
// change, and stands in a plan so that the locks are moved before the key goes. The keys
// of locks that are in a store are known there alone: the plan says so.
func (s *Side) keysDue(p *Plan) []KeyDue {
	due := []KeyDue{}
	keys := s.Model.Fleet.Spec.SealingKeys
	if !slices.ContainsFunc(keys, func(k api.SealingKey) bool { return k.Status == api.KeySuperseded }) {
		return due
	}
	active, _ := s.Model.Fleet.Spec.ActiveKey()
	stubs, _ := model.Stubs(s.Tree)
	for _, key := range keys {
		if key.Status != api.KeySuperseded {
			continue
		}
		n := 0
		for _, stub := range stubs {
			if slices.ContainsFunc(stub.Manifest.Spec.Blocks, func(b api.Block) bool { return needs(b, key.ID, active.ID) }) {
				n++
			}
		}
		if n > 0 {
			due = append(due, KeyDue{Key: key.ID, Status: key.Status, Stubs: n, Hint: "bulla reseal moves their locks"})
		}
	}
	var referred []string
	for _, stub := range stubs {
		if stub.Reference != nil {
			referred = append(referred, stub.Path)
		}
	}
	if len(referred) > 0 {
		p.Notes = append(p.Notes, "a superseded key may be needed for stubs that references name, which are not in Git "+
			"(bulla keys ls asks the key service): "+some(referred))
	}
	return due
}

// needs: a target has a lock of one key, and none of the other.
func needs(b api.Block, key, other string) bool {
	return slices.ContainsFunc(b.Locks, func(l api.Lock) bool {
		return l.Key == key && !slices.ContainsFunc(b.Locks, func(o api.Lock) bool {
			return o.Key == other && o.Target == l.Target
		})
	})
}
