package values

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/fault"
)

// Manifest is what a Secret manifest gives beside its values.
type Manifest struct {
	Name, Namespace string
	Type            corev1.SecretType
	Labels          map[string]string
	Annotations     map[string]string
	Immutable       *bool
	// LeftOut names what belongs to another owner and does not come along.
	LeftOut []string
}

// errSeveral has a hint of its own.
var errSeveral = errors.New("more than one document")

// twice is the one text of the parser that quotes a key and no value.
var twice = regexp.MustCompile(`line (\d+): key "([\w.-]{1,253})" already set in map`)

var yamlLine = regexp.MustCompile(`\bline (\d+)\b`)

// Secret reads a v1 Secret from path, - for standard input, and adds its data
// and stringData to set.
func (s *Source) Secret(set Set, path string) (*Manifest, error) {
	data, err := s.readFile(path)
	if err != nil {
		return nil, fault.New("-f takes - for standard input, or the path of a Secret manifest",
			"read the Secret manifest: %w", err)
	}
	secret, err := Parse(data)
	if err != nil {
		hint := "-f takes one v1 Secret, as `kubectl create secret … --dry-run=client -o yaml` prints it"
		if errors.Is(err, errSeveral) {
			hint = "move the Secret into a file of its own, then `bulla seal --replace` that file"
		}
		return nil, fault.New(hint, "read the Secret manifest: %w", err)
	}
	return s.Object(set, "-f", secret)
}

// Object adds the data and stringData of a Secret to set, and returns what of it may
// be public; from says where it came from.
func (s *Source) Object(set Set, from string, secret *corev1.Secret) (*Manifest, error) {
	// The API server lets stringData win over data.
	merged := map[string][]byte{}
	maps.Copy(merged, secret.Data)
	for key, value := range secret.StringData {
		merged[key] = []byte(value)
	}
	if len(merged) == 0 {
		return nil, fault.New("a Secret to seal has data or stringData", "read the Secret manifest: it has no values")
	}
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		if err := s.add(set, from, key, merged[key]); err != nil {
			return nil, err
		}
	}
	return newManifest(secret, set), nil
}

// newManifest takes what may be public and belongs to nobody else. kubectl's
// copy of the last applied object, for one, holds every value in the clear.
func newManifest(secret *corev1.Secret, set Set) *Manifest {
	m := &Manifest{Name: secret.Name, Namespace: secret.Namespace, Type: secret.Type, Immutable: secret.Immutable}
	live := secret.UID != "" || secret.ResourceVersion != ""
	var labels, annotations []string
	m.Labels, labels = marks("label", secret.Labels, live, set)
	m.Annotations, annotations = marks("annotation", secret.Annotations, live, set)
	m.LeftOut = append(labels, annotations...)
	if len(secret.OwnerReferences) > 0 {
		m.LeftOut = append(m.LeftOut, "ownerReferences")
	}
	if len(secret.Finalizers) > 0 {
		m.LeftOut = append(m.LeftOut, "finalizers")
	}
	return m
}

// otherKinds says what to do with kinds that people have instead of a Secret.
var otherKinds = map[string]string{ //nolint:gosec // kinds, no credentials
	"SealedManifest": "; it is a stub already: `bulla seal FILE --from-file KEY=PATH` gives it another value",
	"List":           "; give the Secret alone, in a file of its own (kubectl get secret NAME -o yaml)",
	"SealedSecret":   "; take the Secret that it made: kubectl get secret NAME -o yaml",
	"ExternalSecret": "; take the Secret that it made: kubectl get secret NAME -o yaml",
}

// Parse reads one v1 Secret, and refuses what is not one. It never returns a parser's
// own text: those quote the input.
func Parse(data []byte) (*corev1.Secret, error) {
	if documents(data) > 1 {
		return nil, errSeveral
	}
	raw, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		if m := twice.FindStringSubmatch(err.Error()); m != nil {
			return nil, fmt.Errorf("line %s: key %q stands twice in one mapping", m[1], m[2])
		}
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			return nil, fmt.Errorf("line %s: not valid YAML or JSON", m[1])
		}
		return nil, fmt.Errorf("not valid YAML or JSON")
	}
	var head struct {
		APIVersion any `json:"apiVersion"`
		Kind       any `json:"kind"`
		SOPS       any `json:"sops"`
	}
	read := json.Unmarshal(raw, &head) == nil
	if read && head.SOPS != nil && (head.Kind == "Secret" || strings.HasPrefix(fmt.Sprint(head.Kind), "ENC[")) {
		return nil, fmt.Errorf("it is encrypted with SOPS; open it first: sops -d FILE | bulla seal -f -")
	}
	if !read || head.APIVersion != "v1" || head.Kind != "Secret" {
		return nil, fmt.Errorf("it is not a v1 Secret%s", otherKinds[fmt.Sprint(head.Kind)])
	}
	if problem := badKey(data); problem != "" {
		return nil, fmt.Errorf("%s", problem)
	}
	var secret corev1.Secret
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&secret); err != nil {
		if problem := badValue(data); problem != "" {
			return nil, fmt.Errorf("%s", problem)
		}
		return nil, badField(data, err)
	}
	return &secret, badMark(data, &secret)
}

// documents counts YAML documents that hold something.
func documents(data []byte) int {
	decoder := yamlv3.NewDecoder(bytes.NewReader(data))
	n := 0
	for {
		var doc yamlv3.Node
		if decoder.Decode(&doc) != nil {
			return n
		}
		if len(doc.Content) == 1 && doc.Content[0].Tag != "!!null" {
			n++
		}
	}
}
