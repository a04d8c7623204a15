package fleet

import (
	"encoding/base64"
	"path"
	"regexp"
	"slices"
	"strings"
)

// checkLabel wants a DNS-1123 label: names become path segments, namespaces
// and lock targets.
func (p *problems) checkLabel(field, value string) {
	if value == "" {
		p.add(field, "is missing")
		return
	}
	if !isLabel(value) {
		p.add(
			field,
			"%q is not a name: up to 63 lower-case letters, digits and '-', starting and ending with a letter or digit",
			value,
		)
	}
}

// checkSubdomain wants a DNS-1123 subdomain, as Kubernetes wants of the names
// of Secrets and service accounts.
func (p *problems) checkSubdomain(field, value string) {
	if value == "" {
		p.add(field, "is missing")
		return
	}
	if !isSubdomain(value) {
		p.add(
			field,
			"%q is not a name: up to 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit",
			value,
		)
	}
}

func (p *problems) checkLabels(field string, labels, annotations map[string]string) {
	for key, value := range labels {
		for _, problem := range slices.Concat(keyProblems(key), valueProblems(value)) {
			p.add(field+".labels."+key, "%s", problem)
		}
	}
	for key := range annotations {
		for _, problem := range keyProblems(strings.ToLower(key)) {
			p.add(field+".annotations."+key, "%s", problem)
		}
		if key == StubAnnotation {
			p.add(field+".annotations."+key, "is reserved: it marks stubs inside a build")
		}
	}
}

// checkPath wants a path that has one spelling and stays in the repository.
func (p *problems) checkPath(field, value string) {
	switch {
	case value == "":
		p.add(field, "is missing")
	case strings.ContainsAny(value, "\\\x00\n"):
		p.add(field, "%q has a character that paths in Git trees of a fleet do not have", value)
	case path.IsAbs(value), value == "..", strings.HasPrefix(value, "../"), path.Clean(value) != value:
		p.add(
			field,
			"%q is not a clean path relative to the repository's root (no leading or trailing '/', no '.', '..' or empty "+
				"segment)",
			value,
		)
	case value == ".":
		p.add(field, "is the repository's root, which holds the fleet itself; name a folder")
	case slices.ContainsFunc(strings.Split(value, "/"), func(s string) bool { return strings.EqualFold(s, ".git") }):
		p.add(field, "%q goes through .git", value)
	}
}

// bech32 also has the separator of the longer prefixes, as in age1tagpq1….
var bech32 = regexp.MustCompile(`^age1(?:[a-z]+1)?[02-9a-z]+$`)

// checkRecipient wants the shape of an age recipient with one of the prefixes;
// package sealing parses it.
func (p *problems) checkRecipient(field, value string, prefixes ...string) {
	switch {
	case value == "":
		p.add(field, "is missing")
	case len(value) > 4096 || !bech32.MatchString(value):
		p.add(field, "is not an age recipient (age1…)")
	case !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(value, prefix) }):
		p.add(field, "must start with %s", strings.Join(prefixes, " or "))
	}
}

// canonicalBase64 reports whether text is standard base64 with padding in its
// one canonical spelling: decoders skip newlines and stray trailing bits.
func canonicalBase64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != text {
		return nil, false
	}
	return raw, true
}

// firstDuplicate returns the index of the first item that stands before.
func firstDuplicate[T any, K comparable](items []T, key func(T) K) (int, bool) {
	seen := map[K]bool{}
	for i, item := range items {
		if k := key(item); seen[k] {
			return i, true
		} else {
			seen[k] = true
		}
	}
	return 0, false
}

func itself(s string) string { return s }
