package fleet

import (
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

// secretTemplate is everything of a v1/Secret that may stand in a template.
type secretTemplate struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   templateMetadata  `json:"metadata,omitempty"`
	Type       string            `json:"type,omitempty"`
	Immutable  *bool             `json:"immutable,omitempty"`
	Data       map[string]string `json:"data,omitempty"`
}

type templateMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func (m *SealedManifest) validate(p *problems) {
	p.checkSubdomain("metadata.name", m.Metadata.Name)
	if m.Metadata.Namespace != "" {
		p.checkLabel("metadata.namespace", m.Metadata.Namespace)
	}
	p.checkLabels("metadata", m.Metadata.Labels, m.Metadata.Annotations)
	if !slices.Contains([]Scope{"", ScopeStrict, ScopeNamespace, ScopeFleet}, m.Spec.Scope) {
		p.add("spec.scope", "%q is not a scope; write %s, %s or %s", m.Spec.Scope, ScopeStrict, ScopeNamespace, ScopeFleet)
	}
	template, ok := m.Spec.validateTemplate(p)
	if ok {
		m.Spec.validateBlocks(p, template)
		m.Spec.validateDeliveries(p, m.Spec.keys(template))
	}
}

// templateProblems explains the fields that people try.
var templateProblems = map[string]string{
	"stringData":         "is not supported: public values go under data, in base64",
	"status":             "must not be set",
	"metadata.name":      "must not be set: the name is the stub's own (metadata.name)",
	"metadata.namespace": "must not be set: the namespace is the stub's own (metadata.namespace)",
}

func (s SealedManifestSpec) validateTemplate(p *problems) (*secretTemplate, bool) {
	before := p.count
	if len(s.Template) == 0 {
		p.add("spec.template", "is missing")
		return nil, false
	}
	p.checkTemplate()
	if p.count > before {
		return nil, false
	}
	template := new(secretTemplate)
	if err := decodeTemplate(s.Template, template); err != nil {
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
	p.checkType(lookup(lookup(p.root, "spec"), "template"), "spec.template", reflect.TypeFor[secretTemplate]())
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

func (s SealedManifestSpec) validateBlocks(p *problems, template *secretTemplate) {
	if len(s.Blocks) == 0 {
		p.add("spec.blocks", "is empty: there is nothing sealed here")
	}
	if len(s.Blocks) > maxBlocks {
		p.add("spec.blocks", "has %d blocks, the limit is %d; seal values together", len(s.Blocks), maxBlocks)
		return
	}
	places := map[string]string{}
	for key := range template.Data {
		places["/data/"+key] = "the template"
	}
	for i, block := range s.Blocks {
		field := fmt.Sprintf("spec.blocks[%d]", i)
		block.validateFields(p, field, places)
		block.validatePayload(p, field+".payload")
		block.validateLocks(p, field)
	}
}

func (b Block) validateFields(p *problems, path string, places map[string]string) {
	if len(b.Fields) == 0 {
		p.add(path+".fields", "is empty")
	}
	for i, pointer := range b.Fields {
		field := fmt.Sprintf("%s.fields[%d]", path, i)
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
		if i > 0 && b.Fields[i-1] >= pointer {
			p.add(field, "%q stands after %q; fields are sorted and unique", pointer, b.Fields[i-1])
		} else if place, ok := places[pointer]; ok {
			hint := ""
			if strings.HasPrefix(place, "blocks[") {
				hint = "; hint: keep one block; where a merge kept both, begin it again (git checkout --merge FILE)"
			}
			p.add(field, "%q stands in %s already%s", pointer, place, hint)
		}
		places[pointer] = strings.TrimPrefix(path, "spec.")
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

func (b Block) validateLocks(p *problems, path string) {
	if len(b.Locks) == 0 {
		p.add(path+".locks", "is empty: nobody could open this block")
	}
	for i, lock := range b.Locks {
		field := fmt.Sprintf("%s.locks[%d]", path, i)
		if m := lockTarget.FindStringSubmatch(lock.Target); m == nil {
			p.add(field+".target", "%q is neither set/NAME nor cluster/NAME", lock.Target)
		} else {
			p.checkLabel(field+".target", m[2])
		}
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
