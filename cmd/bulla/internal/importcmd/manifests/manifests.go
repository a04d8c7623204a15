// Package manifests reads plain v1 Secret manifests.
package manifests

import (
	"context"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/desk/values"
)

// Reader reads files of manifests, also with several documents and lists.
type Reader struct {
	Paths []string
	Files *haul.Files
}

// others says what reads a kind that people have instead of a Secret.
var others = map[string]string{ //nolint:gosec // kinds, no credentials
	"SealedManifest":    "it is a stub of bulla already",
	"SealedSecret":      "bulla import sealed-secrets opens it; bulla import kube takes the Secret that it made",
	"ExternalSecret":    "import the Secret that it made: bulla import kube",
	"VaultStaticSecret": "import the Secret that it made: bulla import kube",
}

// Read takes every v1 Secret. What is none stays behind; an application's other
// objects are nothing to tell of.
func (r *Reader) Read(context.Context) (*haul.Haul, error) {
	h := &haul.Haul{}
	for _, path := range r.Paths {
		data, err := r.Files.Read(path)
		if err != nil {
			return nil, err
		}
		before := len(h.Items) + len(h.Left)
		for _, doc := range haul.Documents(path, data) {
			read(h, doc)
		}
		if len(h.Items)+len(h.Left) == before {
			return nil, fault.New("`kubectl get secret NAME -o yaml` prints one",
				"read %s: there is no v1 Secret in it", haul.Name(path))
		}
		if path != "-" {
			h.Do("delete " + haul.Name(path) + ", which has the values in the clear; what was ever committed stays in Git's " +
				"history: change those values where they are checked")
		}
	}
	return h, nil
}

func read(h *haul.Haul, doc haul.Document) {
	switch hint := others[doc.Kind]; {
	case doc.Bad:
		h.Leave(doc.At, "it is not valid YAML or JSON", "`kubectl get secret NAME -o yaml` prints what is read")
	case hint != "":
		h.Leave(doc.At, "it is a "+doc.Kind+", and no Secret", hint)
	case doc.Encrypted && (doc.Kind == "Secret" || doc.Kind == "" || strings.HasPrefix(doc.Kind, "ENC[")):
		// Without a rule of its own SOPS encrypts the kind, too.
		h.Leave(doc.At, "it is encrypted with SOPS", "bulla import sops FILE")
	case doc.Kind != "Secret":
	default:
		secret, err := values.Parse(doc.Data)
		if err != nil {
			h.Leave(doc.At, err.Error(), "it must be a v1 Secret as `kubectl get secret NAME -o yaml` prints it")
			return
		}
		h.Items = append(h.Items, haul.Item{From: doc.At, Secret: secret})
	}
}
