package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	kindName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	// identifier is Kubernetes' C_IDENTIFIER: a kubelet leaves out, without failing,
	// what it takes for no name of a variable.
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	fileMode   = regexp.MustCompile(`^0[0-7]{3}$`)
)

const (
	identifierSyntax = "letters, digits and '_', not beginning with a digit"
	modeSyntax       = `write it in octal and in quotes, as "0400"`
)

func decodeTemplate(text json.RawMessage, into *SecretTemplate) error {
	return json.Unmarshal(text, into)
}

// keys are those of the Secret, public and sealed, sorted.
func (t *SecretTemplate) keys(fields []string) []string {
	keys := slices.Collect(maps.Keys(t.Data))
	for _, pointer := range fields {
		keys = append(keys, strings.TrimPrefix(pointer, "/data/"))
	}
	slices.Sort(keys)
	return keys
}

// fields are those of all blocks, in the order of the file.
func (s SealedManifestSpec) fields() []string {
	var all []string
	for _, block := range s.Blocks {
		all = append(all, block.Fields...)
	}
	return all
}

// validateDeliveries checks what can be seen in the stub alone. What it meets in
// the workload is seen by the build.
func validateDeliveries(p *problems, entries []DeliverAs, keys []string) {
	if len(entries) > MaxDeliveries {
		p.add("spec.deliverAs", "has %d entries, the limit is %d", len(entries), MaxDeliveries)
		return
	}
	for i, d := range entries {
		d.validate(p, fmt.Sprintf("spec.deliverAs[%d]", i), keys)
	}
}

func (d DeliverAs) validate(p *problems, field string, keys []string) {
	switch kind := d.Workload.Kind; {
	case kind == "":
		p.add(field+".workload.kind", "is missing; write for example Deployment")
	case !kindName.MatchString(kind):
		p.add(field+".workload.kind", "%q is not a kind; write for example Deployment", kind)
	}
	p.checkSubdomain(field+".workload.name", d.Workload.Name)
	for i, name := range d.Containers {
		p.checkLabel(fmt.Sprintf("%s.containers[%d]", field, i), name)
	}
	if i, ok := firstDuplicate(d.Containers, itself); ok {
		p.add(fmt.Sprintf("%s.containers[%d]", field, i), "stands twice")
	}
	switch {
	case (d.Env == nil) == (d.Volume == nil):
		p.add(field, "must have exactly one of env and volume; write two entries for both")
	case d.Env != nil:
		d.Env.validate(p, field+".env", keys)
	default:
		d.Volume.validate(p, field+".volume", keys)
	}
}

func (e DeliverEnv) validate(p *problems, field string, keys []string) {
	if e.Prefix != "" && !identifier.MatchString(e.Prefix) {
		p.add(field+".prefix", "%q begins no name of a variable: %s", e.Prefix, identifierSyntax)
		return
	}
	if e.Keys == nil {
		for _, key := range keys {
			if !identifier.MatchString(e.Prefix + key) {
				p.add(field, "%q is not the name of a variable: %s; hint: name the variables, as keys: {%s: NAME}",
					e.Prefix+key, identifierSyntax, key)
			}
		}
		return
	}
	if len(e.Keys) == 0 {
		p.add(field+".keys", "is empty; leave it out for all keys")
	}
	if e.Prefix != "" {
		p.add(field+".prefix", "stands beside keys; write the whole names there")
	}
	byName := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(e.Keys)) {
		name := e.Keys[key]
		p.checkKnownKey(field+".keys."+key, key, keys)
		if !identifier.MatchString(name) {
			p.add(field+".keys."+key, "%q is not the name of a variable: %s", name, identifierSyntax)
		}
		if other, ok := byName[name]; ok {
			p.add(field+".keys."+key, "gives the variable %q, as %q does", name, other)
		}
		byName[name] = key
	}
}

func (p *problems) checkKnownKey(field, key string, keys []string) {
	if !slices.Contains(keys, key) {
		p.add(field, "%q is no key of this Secret, which has %s", key, strings.Join(keys[:min(len(keys), 10)], ", "))
	}
}

func (v DeliverVolume) validate(p *problems, field string, keys []string) {
	switch mount := v.MountPath; {
	case mount == "":
		p.add(field+".mountPath", "is missing")
	case mount == "/", !isCleanText(mount), !path.IsAbs(mount), path.Clean(mount) != mount, strings.Contains(mount, ":"):
		p.add(field+".mountPath", "%q is not the absolute path of a folder in its one spelling, as /etc/db, without ':'",
			mount)
	}
	p.checkMode(field+".defaultMode", v.DefaultMode)
	if v.Items != nil && len(v.Items) == 0 {
		p.add(field+".items", "is empty; leave it out for all keys")
	}
	for i, item := range v.Items {
		at := fmt.Sprintf("%s.items[%d]", field, i)
		p.checkKnownKey(at+".key", item.Key, keys)
		p.checkItemPath(at+".path", item.Path, v.Items[:i])
		p.checkMode(at+".mode", item.Mode)
	}
}

func (p *problems) checkMode(field, mode string) {
	if mode != "" && !fileMode.MatchString(mode) {
		p.add(field, "%q is not the mode of a file; %s", mode, modeSyntax)
	}
}

// checkItemPath wants what the kubelet wants (k8s.io/kubernetes,
// validateLocalNonReservedPath), and a file of its own.
func (p *problems) checkItemPath(field, file string, before []DeliverItem) {
	switch {
	case file == "":
		p.add(field, "is missing")
	case path.IsAbs(file), path.Clean(file) != file, file == ".", strings.HasPrefix(file, ".."), !isCleanText(file):
		p.add(field, "%q is not a path below the mount path in its one spelling", file)
	}
	for _, other := range before {
		if Within(other.Path, file) || Within(file, other.Path) {
			p.add(field, "%q is in the way of %q", file, other.Path)
		}
	}
}

func isCleanText(text string) bool {
	return !strings.ContainsAny(text, "\\\x00\n\t") && len(text) <= 4096
}

// Within reports whether a clean path is a folder or what stands in it.
func Within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }
