package fleet

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// maxBlocks bounds what one stub digest costs the token: one operation a block.
const maxBlocks = 256

const (
	armorHeader = "-----BEGIN AGE ENCRYPTED FILE-----\n"
	armorFooter = "\n-----END AGE ENCRYPTED FILE-----\n"
)

var lockTarget = regexp.MustCompile(`^(set|cluster)/([^/]+)$`)

// SecretTemplate is everything of a v1/Secret that may stand in a template.
type SecretTemplate struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Metadata   TemplateMetadata `json:"metadata,omitempty"`
	// Type is that of the Secret; Kubernetes' own ones demand their keys.
	Type string `json:"type,omitempty"`
	// Immutable Secrets never change; another value needs another name.
	Immutable *bool `json:"immutable,omitempty"`
	// Data is public: base64, as in a Secret.
	Data map[string]string `json:"data,omitempty"`
}

// TemplateMetadata is what a template may say of the object beside its name and
// namespace, which are the stub's own.
type TemplateMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func (m *SealedManifest) validate(p *problems) {
	p.checkStubMetadata(m.Metadata)
	p.checkScope(m.Spec.Scope)
	template, ok := p.validateTemplate(m.Spec.Template)
	if ok {
		m.Spec.validateBlocks(p, template)
		validateDeliveries(p, m.Spec.DeliverAs, template.keys(m.Spec.fields()))
	}
}

// checkStubMetadata is of a kind that becomes an object of the same name.
func (p *problems) checkStubMetadata(m Metadata) {
	p.checkSubdomain("metadata.name", m.Name)
	if m.Namespace != "" {
		p.checkLabel("metadata.namespace", m.Namespace)
	}
	p.checkLabels("metadata", m.Labels, m.Annotations)
}

func (p *problems) checkScope(scope Scope) {
	if !slices.Contains([]Scope{"", ScopeStrict, ScopeNamespace, ScopeFleet}, scope) {
		p.add("spec.scope", "%q is not a scope; write %s, %s or %s", scope, ScopeStrict, ScopeNamespace, ScopeFleet)
	}
}

// templateProblems explains the fields that people try.
var templateProblems = map[string]string{
	"stringData":         "is not supported: public values go under data, in base64",
	"status":             "must not be set",
	"metadata.name":      "must not be set: the name is the stub's own (metadata.name)",
	"metadata.namespace": "must not be set: the namespace is the stub's own (metadata.namespace)",
}

func (p *problems) validateTemplate(text json.RawMessage) (*SecretTemplate, bool) {
	before := p.count
	if len(text) == 0 {
		p.add("spec.template", "is missing")
		return nil, false
	}
	p.checkTemplate()
	if p.count > before {
		return nil, false
	}
	template := new(SecretTemplate)
	if err := decodeTemplate(text, template); err != nil {
		p.add("spec.template", "is not a v1 Secret")
		return nil, false
	}
	if template.APIVersion != "v1" || template.Kind != "Secret" {
		p.add("spec.template.kind", "is %s %q; only v1 Secret can be sealed yet", template.APIVersion, template.Kind)
	}
	p.checkLabels("spec.template.metadata", template.Metadata.Labels, template.Metadata.Annotations)
	for key, value := range template.Data {
		p.checkDataKey("spec.template.data."+key, key)
		if _, ok := canonicalBase64(value); !ok {
			p.add("spec.template.data."+key, "is not canonical base64")
		}
	}
	return template, p.count == before
}

// checkTemplate compares the template with the one kind that can be sealed.
func (p *problems) checkTemplate() {
	before := len(p.list)
	p.checkType(lookup(lookup(p.root, "spec"), "template"), "spec.template", reflect.TypeFor[SecretTemplate]())
	for _, problem := range p.list[before:] {
		if explained, ok := templateProblems[strings.TrimPrefix(problem.Field, "spec.template.")]; ok {
			problem.Problem = explained
		}
	}
}

func (p *problems) checkDataKey(field, key string) {
	if !isDataKey(key) {
		p.add(field, "%q is not a key of a Secret: up to 253 letters, digits, '-', '_' and '.'", key)
	}
}

func (s SealedManifestSpec) validateBlocks(p *problems, template *SecretTemplate) {
	if len(s.Blocks) == 0 {
		p.add("spec.blocks", "is empty: there is nothing sealed here")
	}
	if len(s.Blocks) > maxBlocks {
		p.add("spec.blocks", "has %d blocks, the limit is %d; seal values together", len(s.Blocks), maxBlocks)
		return
	}
	places := template.places()
	for i, block := range s.Blocks {
		field := fmt.Sprintf("spec.blocks[%d]", i)
		p.checkFields(field+".fields", block.Fields, places, strings.TrimPrefix(field, "spec."))
		block.validatePayload(p, field+".payload")
		block.validateLocks(p, field)
	}
}

// places are the fields that the template has, by where they stand.
func (t *SecretTemplate) places() map[string]string {
	places := map[string]string{}
	for key := range t.Data {
		places["/data/"+key] = "the template"
	}
	return places
}

// checkFields checks a list of sealed fields beside what stands in other places, and
// adds them there, under a name.
func (p *problems) checkFields(path string, fields []string, places map[string]string, name string) {
	if len(fields) == 0 {
		p.add(path, "is empty")
	}
	for i, pointer := range fields {
		field := fmt.Sprintf("%s[%d]", path, i)
		key, under := strings.CutPrefix(pointer, "/data/")
		switch {
		case !under:
			p.add(field, "%q is not under /data; a Secret seals nothing else", pointer)
			continue
		case strings.Contains(key, "/"):
			p.add(field, "%q goes deeper than /data/KEY", pointer)
			continue
		}
		p.checkDataKey(field, key)
		if i > 0 && fields[i-1] >= pointer {
			p.add(field, "%q stands after %q; fields are sorted and unique", pointer, fields[i-1])
		} else if place, ok := places[pointer]; ok {
			hint := ""
			if strings.HasPrefix(place, "blocks[") {
				hint = "; hint: keep one block; where a merge kept both, begin it again (git checkout --merge FILE)"
			}
			p.add(field, "%q stands in %s already%s", pointer, place, hint)
		}
		places[pointer] = name
	}
}

func (b Block) validatePayload(p *problems, field string) {
	switch {
	case b.Payload == "":
		p.add(field, "is missing")
	case !strings.HasPrefix(b.Payload, armorHeader) || !strings.HasSuffix(b.Payload, armorFooter):
		p.add(field, "is not an armored age file, with its last line end (write it as a literal block, |)")
	}
}

func (p *problems) checkTarget(field, target string) {
	if m := lockTarget.FindStringSubmatch(target); m == nil {
		p.add(field, "%q is neither set/NAME nor cluster/NAME", target)
	} else {
		p.checkLabel(field, m[2])
	}
}

func (b Block) validateLocks(p *problems, path string) {
	if len(b.Locks) == 0 {
		p.add(path+".locks", "is empty: nobody could open this block")
	}
	for i, lock := range b.Locks {
		field := fmt.Sprintf("%s.locks[%d]", path, i)
		p.checkTarget(field+".target", lock.Target)
		p.checkLabel(field+".key", lock.Key)
		if raw, ok := canonicalBase64(lock.Ciphertext); !ok || len(raw) == 0 {
			p.add(field+".ciphertext", "is not canonical base64")
		}
	}
	type opener struct{ target, key string }
	if i, ok := firstDuplicate(b.Locks, func(l Lock) opener { return opener{l.Target, l.Key} }); ok {
		p.add(fmt.Sprintf("%s.locks[%d]", path, i), "target and key stand twice")
	}
}
