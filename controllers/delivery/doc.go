// Package delivery is the loop that makes one placement so: it compares what Git
// wants with what lives, has new values unsealed, applies in stages, takes away
// what Git dropped, and says in one place what came of it.
//
// A pass never blocks on health, on rollouts or on deletions: it looks, and comes
// back when something moved. Plaintext lives between the unsealing and the apply
// of one pass, in memory only.
package delivery

import "github.com/bulla-dev/bulla/kustomize"

// ObjectID names a built object: group, kind, namespace and name.
type ObjectID = kustomize.ObjectID
