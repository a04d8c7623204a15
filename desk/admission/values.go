package admission

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Values looks at values while they are there to be looked at: when they are
// sealed. No text holds any part of one.
func Values(kind corev1.SecretType, values map[string][]byte) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if p, ok := value(kind, key, values[key]); ok {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	switch kind {
	case corev1.SecretTypeTLS:
		if cert, key := values[corev1.TLSCertKey], values[corev1.TLSPrivateKeyKey]; len(cert) > 0 && len(key) > 0 {
			problems = pair(cert, key, time.Now())
		}
	case corev1.SecretTypeSSHAuth:
		problems = sshKeys(values)
	case corev1.SecretTypeDockerConfigJson:
		problems = registries(values[corev1.DockerConfigJsonKey])
	case corev1.SecretTypeBasicAuth:
		problems = basicAuth(values)
	}
	return problems
}

// basicAuth: the first colon of USER:PASSWORD is where the name ends (RFC 7617, 2).
func basicAuth(values map[string][]byte) []Problem {
	if !bytes.ContainsRune(values[corev1.BasicAuthUsernameKey], ':') {
		return nil
	}
	return []Problem{problem("data."+corev1.BasicAuthUsernameKey,
		"a name with a colon cannot be used: what stands after it is taken for the password")}
}

// dockerKeys hold JSON that an API server parses.
var dockerKeys = map[corev1.SecretType]string{
	corev1.SecretTypeDockerConfigJson: corev1.DockerConfigJsonKey,
	corev1.SecretTypeDockercfg:        corev1.DockerConfigKey,
}

func value(kind corev1.SecretType, key string, value []byte) (Problem, bool) {
	field := "data." + key
	if tool, sure := placeholder(value); tool != "" {
		p := problem(field,
			"the value looks like a placeholder of %s: bulla seals it as it is, and puts nothing in its place", tool)
		p.Warning, p.Placeholder = !sure, true
		return p, true
	}
	switch {
	case dockerKeys[kind] == key && !isObject(value):
		if decoded, ok := decode(value); ok && isObject(decoded) {
			return problem(field, "the value is base64 of the JSON that %s wants: it is encoded once too often", kind), true
		}
		return problem(field, "the value is not the JSON object that %s wants", kind), true
	case kind == corev1.SecretTypeDockerConfigJson && key == corev1.DockerConfigJsonKey && !hasAuths(value):
		p := problem(field, "the JSON has no auths: a kubelet finds no registry in it")
		p.Warning = true
		return p, true
	}
	if decoded, ok := decode(value); ok && (isObject(decoded) || isPEM(decoded)) {
		p := problem(field,
			"the value is base64 of a text: a Secret's values are encoded for you, so it may be encoded once too often")
		p.Warning = true
		return p, true
	}
	return Problem{}, false
}

func isObject(text []byte) bool {
	var object map[string]any
	return json.Unmarshal(text, &object) == nil && object != nil
}

func hasAuths(text []byte) bool {
	var config struct {
		Auths map[string]any `json:"auths"`
	}
	return json.Unmarshal(text, &config) == nil && config.Auths != nil
}

func isPEM(text []byte) bool { return bytes.HasPrefix(text, []byte("-----BEGIN ")) }

// decode reads base64 with or without line breaks.
func decode(value []byte) ([]byte, bool) {
	packed := strings.Join(strings.Fields(string(value)), "")
	if len(packed) < 8 {
		return nil, false
	}
	decoded, err := base64.StdEncoding.DecodeString(packed)
	return bytes.TrimSpace(decoded), err == nil
}
