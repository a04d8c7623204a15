package reference_test

import (
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// TestAReferenceIsForOneOfWhatItBecomes: as a key service decides, where Git says enough.
func TestAReferenceIsForOneOfWhatItBecomes(t *testing.T) {
	here, there := reference.Object{Namespace: "here", Name: "db"}, reference.Object{Namespace: "there", Name: "db"}
	other := reference.Object{Namespace: "here", Name: "eu-db"}
	all := func(o ...reference.Object) []reference.Object { return o }
	for name, test := range map[string]struct {
		scope         api.Scope
		namespace     string
		of            reference.Object
		becomes, was  []reference.Object
		sealed, known bool
	}{
		"one object":                    {api.ScopeNamespace, "", here, all(here), nil, true, true},
		"two names of a namespace":      {api.ScopeNamespace, "", here, all(here, other), nil, true, true},
		"two namespaces":                {api.ScopeNamespace, "", here, all(here, there), nil, false, false},
		"the one that it names":         {api.ScopeNamespace, "here", here, all(here, there), nil, true, true},
		"not the one that it names":     {api.ScopeNamespace, "here", there, all(here, there), nil, false, true},
		"one that is nowhere":           {api.ScopeNamespace, "gone", here, all(here, there), nil, false, false},
		"the one of before":             {api.ScopeNamespace, "", here, all(here, there), all(here), true, true},
		"not the one of before":         {api.ScopeNamespace, "", there, all(here, there), all(here), false, true},
		"the one of before is gone":     {api.ScopeNamespace, "", here, all(here, there), all(other, there), false, false},
		"strict, two names":             {"", "here", other, all(here, other), nil, false, true},
		"strict, two names, none named": {"", "", other, all(here, other), nil, false, false},
		"strict, by a prefix":           {"", "here", other, all(other), nil, true, true},
		"fleet":                         {api.ScopeFleet, "", there, all(here, there, other), nil, true, true},
	} {
		r := &api.SealedReference{Metadata: api.Metadata{Name: "db", Namespace: test.namespace}}
		r.Spec.Scope = test.scope
		sealed, known := reference.Among(r, test.of, test.becomes, test.was)
		if sealed != test.sealed || known != test.known {
			t.Errorf("%s: sealed %v, known %v", name, sealed, known)
		}
	}
}
