// Package stub writes and edits stub files: kind SealedManifest.
//
// A file's bytes are its digest, and the digest authorises. So an edit writes
// the blocks that it is about and leaves every other byte of the file alone:
// a review sees exactly the value that changed.
package stub

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/docs/reference/schemas"
)

// New returns a stub without blocks. manifest may be nil.
func New(
	name, namespace string, scope api.Scope, kind corev1.SecretType, manifest *values.Manifest,
) (*api.SealedManifest, error) {
	template := map[string]any{"apiVersion": "v1", "kind": "Secret", "type": string(kind)}
	if manifest != nil {
		metadata := map[string]any{}
		if len(manifest.Labels) > 0 {
			metadata["labels"] = manifest.Labels
		}
		if len(manifest.Annotations) > 0 {
			metadata["annotations"] = manifest.Annotations
		}
		if len(metadata) > 0 {
			template["metadata"] = metadata
		}
		if manifest.Immutable != nil {
			template["immutable"] = *manifest.Immutable
		}
	}
	raw, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	s := &api.SealedManifest{}
	s.APIVersion, s.Kind = api.APIVersion, api.KindSealedManifest
	s.Metadata.Name, s.Metadata.Namespace = name, namespace
	s.Spec.Template = raw
	s.Spec.Scope = scope
	return s, nil
}

// PublicData returns the keys of the template's data, which stand in the clear.
func PublicData(s *api.SealedManifest) (map[string]bool, error) {
	var template struct {
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(s.Spec.Template, &template); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	public := map[string]bool{}
	for key := range maps.Keys(template.Data) {
		public[key] = true
	}
	return public, nil
}

// Type returns the type of the Secret that the stub's template makes.
func Type(s *api.SealedManifest) (corev1.SecretType, error) {
	var template struct {
		Type corev1.SecretType `json:"type"`
	}
	if err := json.Unmarshal(s.Spec.Template, &template); err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	return template.Type, nil
}

// Render writes a whole new stub file.
func Render(s *api.SealedManifest) ([]byte, error) {
	var template any
	if err := json.Unmarshal(s.Spec.Template, &template); err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	text, err := yaml.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	var b strings.Builder
	b.WriteString(schemas.Modeline(s.Kind))
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\n", s.APIVersion, s.Kind)
	fmt.Fprintf(&b, "metadata:\n  name: %s\n", s.Metadata.Name)
	if s.Metadata.Namespace != "" {
		fmt.Fprintf(&b, "  namespace: %s\n", s.Metadata.Namespace)
	}
	b.WriteString("spec:\n  template:\n")
	for line := range strings.Lines(string(text)) {
		b.WriteString("    " + line)
	}
	fmt.Fprintf(&b, "  scope: %s\n  blocks:\n", s.Spec.Scope)
	for _, block := range s.Spec.Blocks {
		for i, line := range item(block) {
			lead := "    "
			if i == 0 {
				lead = "  - "
			}
			b.WriteString(lead + line + "\n")
		}
	}
	return []byte(b.String()), nil
}

// item writes one block. Every text in it is of an alphabet that needs no
// quotes: keys of a Secret, armor, DNS labels, key ids and base64.
func item(block api.Block) yamltext.Item {
	lines := yamltext.Item{"fields:"}
	for _, field := range block.Fields {
		lines = append(lines, "- "+field)
	}
	lines = append(lines, "payload: |")
	for line := range strings.Lines(block.Payload) {
		lines = append(lines, "  "+strings.TrimSuffix(line, "\n"))
	}
	lines = append(lines, "locks:")
	for _, lock := range block.Locks {
		for i, line := range lockItem(lock) {
			lead := "  "
			if i == 0 {
				lead = "- "
			}
			lines = append(lines, lead+line)
		}
	}
	return lines
}

func lockItem(lock api.Lock) yamltext.Item {
	return yamltext.Item{"target: " + lock.Target, "key: " + quoteID(lock.Key), "ciphertext: " + lock.Ciphertext}
}

// quoteID quotes an id that YAML would read as a date or a number.
func quoteID(id string) string {
	var plain any
	if err := yaml.Unmarshal([]byte(id), &plain); err == nil && plain == id && !looksLikeDate(id) {
		return id
	}
	return `"` + id + `"`
}

// looksLikeDate holds YAML 1.1 timestamps back, which some readers resolve and
// others do not.
func looksLikeDate(id string) bool {
	return strings.Trim(id, "0123456789-") == ""
}
