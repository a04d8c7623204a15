package sealer

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/value"
)

const (
	nameHint = "up to 253 lower-case letters, digits, '-' and '.', a letter or digit first and last"
	keyHint  = "up to 253 letters, digits, '-', '_' and '.'"
)

// check refuses what Kubernetes would refuse, while nothing is sealed yet.
func (j Job) check(values map[string][]byte) error {
	if !api.IsSecretName(j.Name) {
		return &Error{fmt.Sprintf("%.60q is no name of a Secret", j.Name), nameHint}
	}
	if !api.IsNamespace(j.Namespace) {
		return &Error{fmt.Sprintf("%.60q is no name of a namespace", j.Namespace),
			"up to 63 lower-case letters, digits and '-', a letter or digit first and last"}
	}
	for _, t := range j.Targets {
		if name := t.Set + t.Cluster; !api.IsNamespace(name) { // the same syntax
			return &Error{fmt.Sprintf("%.60q is no name of a set or cluster", name), "choose the clusters again"}
		}
	}
	if err := j.checkKeys(values); err != nil {
		return err
	}
	for _, key := range j.Variables {
		// A kubelet says it to the container's runtime as text, and the pod never starts.
		if v := values[key]; !utf8.Valid(v) || bytes.IndexByte(v, 0) >= 0 {
			return &Error{fmt.Sprintf("the value of %q is no text, and no environment variable can have it", key),
				"have the pods get it as files in memory, or give it as text, as base64 is"}
		}
	}
	total := 0
	for key, v := range values {
		if len(v) == 0 && !j.AllowEmpty {
			return &Error{fmt.Sprintf("the value of %q is empty", key),
				"type or choose it again; one that is meant to be empty is given with bulla set --allow-empty"}
		}
		total += len(v)
	}
	if total > value.MaxTotal {
		return &Error{fmt.Sprintf("the values are %d bytes together", total), "a Secret holds at most 1 MiB; split it"}
	}
	return nil
}

// checkKeys wants every key in one block, and a value for each. A key that is none is
// not shown: a value may stand in its place.
func (j Job) checkKeys(values map[string][]byte) error {
	keys := slices.Sorted(slices.Values(slices.Concat(j.Blocks...)))
	for i, key := range keys {
		if !api.IsSecretKey(key) {
			return &Error{"a key is none that a Secret can have", keyHint}
		}
		if i > 0 && keys[i-1] == key {
			return &Error{fmt.Sprintf("the key %q stands twice", key), "give each key once"}
		}
		if _, ok := values[key]; !ok {
			return &Error{fmt.Sprintf("the key %q has no value", key), "type or choose it again"}
		}
	}
	if len(keys) == 0 || len(keys) != len(values) {
		return &Error{fmt.Sprintf("there are %d values for %d keys", len(values), len(keys)), "load the page anew"}
	}
	return nil
}
