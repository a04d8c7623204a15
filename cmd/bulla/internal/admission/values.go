package admission

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

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
	cert, key := values[corev1.TLSCertKey], values[corev1.TLSPrivateKeyKey]
	if kind == corev1.SecretTypeTLS && len(problems) == 0 && len(cert) > 0 && len(key) > 0 {
		problems = append(problems, pair(cert, key)...)
	}
	return problems
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

func pair(cert, key []byte) []Problem {
	if _, err := tls.X509KeyPair(cert, key); err == nil {
		return nil
	}
	p := problem("data", "%s and %s are not a certificate and its key in PEM", corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	p.Warning = true
	return []Problem{p}
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
