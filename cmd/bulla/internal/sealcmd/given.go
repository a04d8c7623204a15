package sealcmd

import (
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/values"
)

// Given is a new stub at a file of the repository, for a Secret that no flag of
// `bulla seal` gave: what is imported is held to what sealing is held to.
func Given(
	fleet sealjob.Fleet, file, placement string, scope api.Scope, set values.Set, manifest *values.Manifest,
) (sealjob.Where, error) {
	if err := set.CheckSize(); err != nil {
		return sealjob.Where{}, err
	}
	o := opening{
		fleet: fleet, what: sealjob.What{Values: set}, placement: placement,
		asked: asked{scope: scope}.with(manifest), manifest: manifest,
	}
	stub, err := o.begin(file)
	return sealjob.Where{File: file, Stub: stub}, err
}
