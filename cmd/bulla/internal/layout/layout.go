// Package layout is the first content of a fleet repository.
package layout

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"text/template"
)

//go:embed README.md.tmpl
var readme string

// Grants are the paths that give access to secrets: whoever may merge a change
// to one of them decides who can read what. CODEOWNERS guards them all, and
// itself.
var Grants = []struct{ Path, Why string }{
	{"/fleet.yaml", "the sealing keys and the recovery recipients"},
	{"/clusters/", "who the clusters are, and by their labels which sets they are in"},
	{"/clustersets/", "which labels make a set"},
	{"/placements/", "which application goes where"},
	{"/apps/", "what a placement's path builds"},
	{"/CODEOWNERS", "this file"},
}

// Placeholder stands for the owners while nobody is named.
const Placeholder = "@OWNERS"

// Folders are kept in Git while they are empty.
var Folders = []string{"clusters", "clustersets", "placements", "apps"}

// CodeOwners returns the CODEOWNERS file, for GitHub, GitLab, Gitea and Forgejo.
func CodeOwners(owners []string) []byte {
	if len(owners) == 0 {
		owners = []string{Placeholder}
	}
	var b strings.Builder
	b.WriteString("# Everything here grants access to secrets. Demand a review by code owners for\n" +
		"# the branch that the fleet follows, or this file guards nothing.\n")
	for _, grant := range Grants {
		b.WriteString("\n# " + grant.Why + "\n" + grant.Path + " " + strings.Join(owners, " ") + "\n")
	}
	return []byte(b.String())
}

// IsOwner says whether forges take s for somebody: @user, @group/team or a mail
// address. Of a line with anything else on it GitHub ignores all, so a forgotten
// @ guards nothing and nobody is told.
func IsOwner(s string) bool {
	before, after, ok := strings.Cut(s, "@")
	return ok && after != "" && !strings.ContainsAny(s, " \t\r\n#") && !strings.HasSuffix(s, "/") &&
		!strings.Contains(before, "/")
}

// owned says whether a line's owners, up to a comment, are all owners, and
// somebody among them is.
func owned(owners []string) bool {
	if i := slices.IndexFunc(owners, func(s string) bool { return strings.HasPrefix(s, "#") }); i >= 0 {
		owners = owners[:i]
	}
	return len(owners) > 0 && !slices.ContainsFunc(owners, func(s string) bool { return s == Placeholder || !IsOwner(s) })
}

// Missing returns the grants that a CODEOWNERS file has no line for that names
// somebody.
func Missing(codeowners []byte) []string {
	guarded := map[string]bool{}
	for line := range strings.Lines(string(codeowners)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && !strings.HasPrefix(fields[0], "#") && owned(fields[1:]) {
			guarded[strings.Trim(fields[0], "/*")] = true
		}
	}
	var missing []string
	for _, grant := range Grants {
		if !guarded[strings.Trim(grant.Path, "/")] && !guarded[""] {
			missing = append(missing, grant.Path)
		}
	}
	return missing
}

// ReadMe returns the repository's README.md.
func ReadMe(fleet, id string) ([]byte, error) {
	t, err := template.New("README.md").Parse(readme)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]string{"Fleet": fleet, "ID": id})
	return b.Bytes(), err
}

// GitAttributes returns the .gitattributes file. What is hashed may not be
// converted: a stub's bytes are its digest.
func GitAttributes() []byte {
	return []byte("# A stub's bytes are its digest: no line ends are converted, on no machine.\n* -text\n\n" +
		"# Each sealed value is merged from the side that changed it (bulla merge --install).\n" +
		"*.yaml merge=bulla\n*.yml merge=bulla\n")
}

// ConvertsLines reports whether a .gitattributes file leaves line ends to each
// machine's own settings.
func ConvertsLines(attributes []byte) bool {
	for line := range strings.Lines(string(attributes)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && (fields[0] == "*" || fields[0] == "**") &&
			slices.ContainsFunc(fields[1:], func(a string) bool { return a == "-text" || a == "binary" || a == "eol=lf" }) {
			return false
		}
	}
	return true
}
