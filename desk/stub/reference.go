package stub

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/docs/reference/schemas"
)

// RenderReference writes the file of a reference. What it returns parses as r.
func RenderReference(file string, r *api.SealedReference) ([]byte, error) {
	var template any
	if err := json.Unmarshal(r.Spec.Template, &template); err != nil {
		return nil, fmt.Errorf("write %s: template: %w", file, err)
	}
	var b strings.Builder
	b.WriteString(schemas.Modeline(r.Kind))
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\n", r.APIVersion, r.Kind)
	if err := entry(&b, "", "metadata", r.Metadata); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	b.WriteString("spec:\n")
	if err := entry(&b, "  ", "template", template); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	if r.Spec.Scope != "" {
		fmt.Fprintf(&b, "  scope: %s\n", r.Spec.Scope)
	}
	if len(r.Spec.DeliverAs) > 0 {
		for _, line := range deliverLines(r.Spec.DeliverAs) {
			b.WriteString("  " + line + "\n")
		}
	}
	if r.Spec.Restart {
		b.WriteString("  restart: true\n")
	}
	if err := entry(&b, "  ", "fields", r.Spec.Fields); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	if err := entry(&b, "  ", "targets", r.Spec.Targets); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	fmt.Fprintf(&b, "  stub:\n    digest: %s\n    size: %d\n    content: %s\n",
		r.Spec.Stub.Digest, r.Spec.Stub.Size, r.Spec.Stub.Content)
	data := []byte(b.String())
	got, err := api.ParseSealedReference(file, data)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(got, r) {
		return nil, fmt.Errorf("write %s: what was written reads as something else", file)
	}
	return data, nil
}

// entry writes one entry of a mapping, below an indentation.
func entry(b *strings.Builder, indent, key string, value any) error {
	text, err := yaml.Marshal(map[string]any{key: value})
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	for line := range strings.Lines(string(text)) {
		b.WriteString(indent + line)
	}
	return nil
}

// Dress gives the stub file data, which parses as old, what a reference says of its own:
// labels and annotations of the file, deliverAs and restart. Where it says the same, no
// byte changes.
func Dress(file string, data []byte, old *api.SealedManifest, r *api.SealedReference) ([]byte, error) {
	want := old.DeepCopy()
	if want.Metadata = *r.Metadata.DeepCopy(); !reflect.DeepEqual(old.Metadata, want.Metadata) {
		edited, err := setEntry(data, map[string]any{"metadata": want.Metadata}, "metadata")
		if err != nil {
			return nil, fmt.Errorf("edit %s: metadata: %w", file, err)
		}
		if err := same(file, edited, want); err != nil {
			return nil, err
		}
		data, old = edited, want
	}
	data, err := Deliver(file, data, old, r.Spec.DeliverAs)
	if err != nil {
		return nil, err
	}
	if old, err = api.ParseSealedManifest(file, data); err != nil {
		return nil, err
	}
	return Restart(file, data, old, r.Spec.Restart)
}
