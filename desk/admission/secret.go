package admission

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/closest"
)

// demands are the keys without which a Secret of a type is refused, or of no
// use to who reads that type. One alternative of the outer list is enough.
var demands = map[corev1.SecretType][][]string{
	corev1.SecretTypeTLS:              {{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}},
	corev1.SecretTypeDockerConfigJson: {{corev1.DockerConfigJsonKey}},
	corev1.SecretTypeDockercfg:        {{corev1.DockerConfigKey}},
	corev1.SecretTypeBasicAuth:        {{corev1.BasicAuthUsernameKey}, {corev1.BasicAuthPasswordKey}},
	corev1.SecretTypeSSHAuth:          {{corev1.SSHAuthPrivateKey}},
	corev1.SecretTypeBootstrapToken:   {{"token-id", "token-secret"}},
}

// volumeTypes are those that drivers of volumes ask for; they demand no keys.
var volumeTypes = []string{
	"kubernetes.io/rbd", "kubernetes.io/iscsi-chap", "kubernetes.io/glusterfs", "kubernetes.io/scaleio",
	"kubernetes.io/storageos", "kubernetes.io/quobyte", "kubernetes.io/azure-file", "kubernetes.io/cephfs",
}

// knownTypes are the types that Kubernetes gives a meaning.
func knownTypes() []string {
	known := []string{string(corev1.SecretTypeOpaque), string(corev1.SecretTypeServiceAccountToken)}
	for kind := range demands {
		known = append(known, string(kind))
	}
	known = append(known, volumeTypes...)
	slices.Sort(known)
	return known
}

func secret(o Object) []Problem {
	kind := corev1.SecretType(text(o.Content["type"]))
	problems := secretType(kind)
	keys := keysOf(o)
	if missing := missingKeys(kind, keys); len(missing) > 0 {
		problems = append(problems, problem("type", "%s needs %s", kind, strings.Join(missing, " and ")))
	}
	if kind == corev1.SecretTypeServiceAccountToken &&
		objectMeta(o.Content).Annotations[corev1.ServiceAccountNameKey] == "" {
		p := problem("metadata.annotations", "%s needs the annotation %s", kind, corev1.ServiceAccountNameKey)
		p.Overlaid = true
		problems = append(problems, p)
	}
	problems = append(problems, keyNames(keys)...)
	return append(problems, size(o)...)
}

// secretType finds a type that is misspelt: a cluster takes any, and who should
// read the Secret then passes it over.
func secretType(kind corev1.SecretType) []Problem {
	if kind == "" || slices.Contains(knownTypes(), string(kind)) {
		return nil
	}
	group, name, _ := strings.Cut(string(kind), "/")
	near := closest.Name(string(kind), knownTypes())
	if name == "" && near == "" {
		near = byShortName(group)
	}
	reserved := group == "kubernetes.io" || strings.HasSuffix(group, ".kubernetes.io")
	switch {
	case near != "":
		return []Problem{problem("type", "%q is no type that Kubernetes knows; did you mean %s?", string(kind), near)}
	case reserved:
		p := problem("type", "%q is no type that Kubernetes knows, and kubernetes.io/ is its own: nobody reads it",
			string(kind))
		p.Warning = true
		return []Problem{p}
	}
	return nil
}

// byShortName finds kubernetes.io/tls for tls.
func byShortName(short string) string {
	aliases := map[string]string{
		"docker-registry": string(corev1.SecretTypeDockerConfigJson),
		"token":           string(corev1.SecretTypeServiceAccountToken),
	}
	if full, ok := aliases[short]; ok {
		return full
	}
	for _, known := range knownTypes() {
		if _, name, ok := strings.Cut(known, "/"); ok && strings.EqualFold(name, short) {
			return known
		}
	}
	return ""
}

// missingKeys are those of the nearest alternative that are not there.
func missingKeys(kind corev1.SecretType, keys []string) []string {
	alternatives, ok := demands[kind]
	if !ok {
		return nil
	}
	var all []string
	for _, wanted := range alternatives {
		var missing []string
		for _, key := range wanted {
			if !slices.Contains(keys, key) {
				missing = append(missing, key)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		all = append(all, missing...)
	}
	if len(alternatives) > 1 {
		return []string{strings.Join(all, " or ")}
	}
	return all
}

// keysOf are the keys of the Secret as it will be: public and sealed ones.
func keysOf(o Object) []string {
	var keys []string
	for _, member := range []string{"data", "stringData"} {
		values, _ := o.Content[member].(map[string]any)
		for key := range values {
			keys = append(keys, key)
		}
	}
	for _, block := range o.Blocks {
		for _, pointer := range block.Fields {
			keys = append(keys, strings.TrimPrefix(pointer, "/data/"))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func keyNames(keys []string) []Problem {
	var problems []Problem
	for _, key := range keys {
		for _, text := range validation.IsConfigMapKey(key) {
			problems = append(problems, problem("data."+key, "%s", text))
		}
	}
	return problems
}

func configMap(object map[string]any) []Problem {
	var keys []string
	total := 0
	for _, member := range []string{"data", "binaryData"} {
		values, _ := object[member].(map[string]any)
		for key, value := range values {
			keys = append(keys, key)
			total += len(text(value)) // of binaryData a third more than it is: close enough below the bound
			if member == "binaryData" {
				total -= len(text(value)) / 4
			}
		}
	}
	slices.Sort(keys)
	problems := keyNames(keys)
	if total > corev1.MaxSecretSize {
		problems = append(problems, problem("data", "holds %d bytes, and a ConfigMap holds at most 1 MiB; split it", total))
	}
	return problems
}

func text(value any) string {
	s, _ := value.(string)
	return s
}
