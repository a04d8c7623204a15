// Package sealedsecrets opens SealedSecrets with their controller's keys, by the code
// of that controller.
package sealedsecrets

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Reader reads SealedSecret manifests.
type Reader struct {
	Paths, Keys []string
	Files       *haul.Files
	// Namespace is that of a SealedSecret that says none.
	Namespace string
}

const kind = "SealedSecret"

// Read opens every SealedSecret.
func (r *Reader) Read(context.Context) (*haul.Haul, error) {
	keys, err := readKeys(r.Files, r.Keys)
	if err != nil {
		return nil, err
	}
	h := &haul.Haul{}
	for _, path := range r.Paths {
		data, err := r.Files.Read(path)
		if err != nil {
			return nil, err
		}
		before := len(h.Items) + len(h.Left)
		for _, doc := range haul.Documents(path, data) {
			switch {
			case doc.Bad:
				h.Leave(doc.At, "it is not valid YAML or JSON", "`kubectl get sealedsecret NAME -o yaml` prints what is read")
			case doc.Kind == kind:
				r.open(h, doc, keys)
			}
		}
		if len(h.Items)+len(h.Left) == before {
			return nil, fault.New("`kubectl get sealedsecret NAME -o yaml` prints one",
				"read %s: there is no SealedSecret in it", haul.Name(path))
		}
	}
	h.Do("the keys of the Sealed Secrets controller open all of Git's history: delete the file, and change values that " +
		"somebody should not have")
	return h, nil
}

// codecs are for v1 Secrets: a SealedSecret of before 2018 holds a whole one.
var codecs = func() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	_ = corev1.AddToScheme(scheme) // fails for a type that is registered twice only
	return serializer.NewCodecFactory(scheme)
}()

func (r *Reader) open(h *haul.Haul, doc haul.Document, keys map[string]*rsa.PrivateKey) {
	sealed, err := parse(doc)
	if err != nil {
		h.Leave(doc.At, err.Error(), "`kubeseal -o yaml` and `kubectl get sealedsecret NAME -o yaml` print what is read")
		return
	}
	if sealed.Namespace == "" {
		sealed.Namespace = r.Namespace
	}
	secret, err := sealed.Unseal(codecs, keys)
	if err != nil {
		why, hint := explain(err, sealed)
		h.Leave(doc.At, why, hint)
		return
	}
	secret.OwnerReferences = nil // the library writes what its controller would
	name := sealed.Namespace + "/" + sealed.Name
	h.Items = append(h.Items, haul.Item{
		From: doc.At + " (" + sealed.ScopeText() + ")", Secret: secret, Live: true,
		Todo: []string{fmt.Sprintf("SealedSecret %s makes this Secret: take it out before you merge, and delete %s, and "+
			"keep the Secret%s", printable.Word(name), printable.Word(strings.SplitN(doc.At, ":", 2)[0]),
			haul.Orphan(sealed.Namespace, "sealedsecrets.bitnami.com", sealed.Name))},
	})
}

// named is a SealedSecret with its scope in words.
type named struct{ ssv1alpha1.SealedSecret }

// ScopeText is kubeseal's word for the scope.
func (n *named) ScopeText() string {
	scope := ssv1alpha1.SecretScope(n)
	return scope.String()
}

func parse(doc haul.Document) (*named, error) {
	if doc.APIVersion != "bitnami.com/v1alpha1" {
		return nil, fmt.Errorf("its apiVersion %.60q is not bitnami.com/v1alpha1", doc.APIVersion)
	}
	raw, err := yaml.YAMLToJSONStrict(doc.Data)
	if err != nil {
		return nil, fmt.Errorf("it has a key twice, or is no YAML")
	}
	var sealed named
	if json.Unmarshal(raw, &sealed.SealedSecret) != nil {
		return nil, fmt.Errorf("a field has the wrong type")
	}
	if len(sealed.Spec.EncryptedData) == 0 && len(sealed.Spec.Data) == 0 {
		return nil, fmt.Errorf("it has no encryptedData")
	}
	return &sealed, nil
}

// explain never passes on the library's own text: that of a template quotes values.
func explain(err error, sealed *named) (why, hint string) {
	switch text := err.Error(); {
	case strings.Contains(text, "no key could decrypt"):
		return fmt.Sprintf("none of the keys opens it as %s/%s, of scope %s", sealed.Namespace, sealed.Name,
				sealed.ScopeText()),
			"give all keys, the old ones too; a SealedSecret that was moved or renamed opens by its old name only, and one " +
				"without a namespace wants -n"
	case strings.Contains(text, "deprecated 'data'"):
		return "it is of the form of before 2018, in one piece", "import the Secret that it made: bulla import kube"
	}
	return "its values or its template do not read", "import the Secret that it made: bulla import kube"
}
