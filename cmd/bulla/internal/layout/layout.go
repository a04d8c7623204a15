// Package layout is the first content of a fleet repository.
package layout

import (
	"bytes"
	_ "embed"
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

// Missing returns the grants that a CODEOWNERS file has no line for.
func Missing(codeowners []byte) []string {
	guarded := map[string]bool{}
	for line := range strings.Lines(string(codeowners)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && !strings.HasPrefix(fields[0], "#") && fields[1] != Placeholder {
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
