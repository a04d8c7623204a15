package fleet

import (
	"fmt"
	"regexp"
	"strings"
)

// The syntax of names in Kubernetes (k8s.io/apimachinery/pkg/util/validation),
// which a test holds against its own.
var (
	label     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	qualified = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
	dataKey   = regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)
)

// In bytes.
const (
	maxLabel     = 63
	maxSubdomain = 253
)

// isLabel: a DNS-1123 label.
func isLabel(text string) bool { return len(text) <= maxLabel && label.MatchString(text) }

// isSubdomain: a DNS-1123 subdomain.
func isSubdomain(text string) bool { return len(text) <= maxSubdomain && subdomain.MatchString(text) }

// isDataKey: the key of a value in a Secret. One that begins with two dots would
// be a way out of the folder that a pod mounts it in.
func isDataKey(text string) bool {
	return len(text) <= maxSubdomain && dataKey.MatchString(text) && text != "." && !strings.HasPrefix(text, "..")
}

// IsSecretName reports whether a Secret can have a name.
func IsSecretName(text string) bool { return isSubdomain(text) }

// IsNamespace reports whether a namespace can have a name.
func IsNamespace(text string) bool { return isLabel(text) }

// IsSecretKey reports whether a value in a Secret can have a key.
func IsSecretKey(text string) bool { return isDataKey(text) }

func isQualified(text string) bool { return len(text) <= maxLabel && qualified.MatchString(text) }

const (
	qualifiedSyntax = "up to 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit"
	subdomainSyntax = "up to 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
)

// keyProblems says what is wrong with the key of a label or an annotation.
func keyProblems(key string) []string {
	var found []string
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		name = key
	} else if !isSubdomain(prefix) {
		found = append(found, fmt.Sprintf("the part before '/' is not a domain: %s", subdomainSyntax))
	}
	if !isQualified(name) {
		found = append(found, fmt.Sprintf("%q is not a name: %s", name, qualifiedSyntax))
	}
	return found
}

// valueProblems says what is wrong with the value of a label.
func valueProblems(value string) []string {
	if value == "" || isQualified(value) {
		return nil
	}
	return []string{fmt.Sprintf("%q is not the value of a label: none, or %s", value, qualifiedSyntax)}
}
