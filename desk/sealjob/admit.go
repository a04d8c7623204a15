package sealjob

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/admission"
	"github.com/bulla-dev/bulla/desk/stub"
)

// checkValues refuses values that no cluster would take, while they are there
// to be looked at, and says what else is odd about them.
func (j *Job) checkValues() error {
	kind, err := stub.Type(j.Where.Stub)
	if err != nil {
		return err
	}
	for _, p := range admission.Values(kind, j.What.Values) {
		switch {
		case p.Warning, p.Placeholder && j.How.AsIs:
			j.Fleet.Warn("%s: %s", j.Where.File, p)
		case p.Placeholder:
			return fault.New("fill it in first, or seal it all the same with --as-is", "%s: %s", j.Where.File, p)
		default:
			return fault.New("give the value as the program that reads it gets it; nothing was sealed",
				"%s: %s", j.Where.File, p)
		}
	}
	for _, note := range j.What.Values.Notes() {
		j.Fleet.Warn("%s: the value of %s %s; it is sealed as it is", j.Where.File, note.Key, note.Text)
	}
	return nil
}

// checkWhole refuses a stub whose Secret no cluster would take: new values and
// those that were there already count together.
func (j *Job) checkWhole(data []byte) error {
	manifest, err := api.ParseSealedManifest(j.Where.File, data)
	if err != nil {
		return err
	}
	var object map[string]any
	if err := json.Unmarshal(manifest.Spec.Template, &object); err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	metadata["name"] = manifest.Metadata.Name
	for _, p := range admission.Check(admission.Object{Content: object, Blocks: manifest.Spec.Blocks}) {
		if p.Warning || p.Overlaid {
			j.Fleet.Warn("%s: %s", j.Where.File, p)
			continue
		}
		return fault.New(wholeHint(object["type"], manifest.Keys()), "%s: %s", j.Where.File, p)
	}
	return nil
}

// wholeHint says what makes the Secret whole, where a command does.
func wholeHint(kind any, keys []string) string {
	pair := slices.Contains(keys, corev1.TLSCertKey) && slices.Contains(keys, corev1.TLSPrivateKeyKey)
	if kind == string(corev1.SecretTypeTLS) && !pair {
		return "every cluster would refuse this Secret; nothing was sealed: " +
			"`bulla seal` takes both with --cert PATH and --key PATH"
	}
	return "every cluster would refuse this Secret; nothing was sealed"
}
