// Package unseal is who this cluster is, and how it comes by secret values: its
// keys, the connection to the key service, the answers that it keeps, and the
// audit log that every answer is held against.
//
// What an answer holds is an age stanza that only the age identity here opens. Keys
// leave this package as signatures and opened values, never as keys.
package unseal

import "github.com/bulla-dev/bulla/kustomize"

// ObjectID names a built object: group, kind, namespace and name.
type ObjectID = kustomize.ObjectID
