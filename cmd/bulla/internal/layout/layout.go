// Package layout is the first content of a fleet repository.
package layout

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"text/template"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/owners"
)

//go:embed README.md.tmpl
var readme string

// Grants are the paths that give access to secrets, whatever is placed: whoever may merge
// a change to one of them decides who can read what. CODEOWNERS guards them, and what
// placements build.
var Grants = []struct{ Path, Why string }{
	{"/fleet.yaml", "the sealing keys and the recovery recipients"},
	{"/clusters/", "who the clusters are, and by their labels which sets they are in"},
	{"/clustersets/", "which labels make a set"},
	{"/placements/", "which application goes where"},
}

// Built is why what placements build is guarded.
const Built = "what a placement's path builds"

// Apps is the folder of applications, as long as no placement says another.
const Apps = "apps"

// folders are kept in Git while they are empty.
var folders = []string{"clusters", "clustersets", "placements"}

// Folders are those of a fleet whose placements build from others; none for one that has
// no placement yet.
func Folders(built []string) []string {
	if len(built) == 0 {
		return append(slices.Clone(folders), Apps)
	}
	return folders
}

// CodeOwners returns the CODEOWNERS file for some forges. built are the folders that
// placements build from.
func CodeOwners(who, built []string, forges owners.Forges) []byte {
	if len(who) == 0 {
		who = []string{owners.Placeholder}
	}
	if len(built) == 0 {
		built = []string{Apps}
	}
	var b strings.Builder
	b.WriteString("# Everything here grants access to secrets. Demand a review by code owners for\n" +
		"# the branch that the fleet follows, or this file guards nothing.\n")
	if forges == owners.Anybody {
		b.WriteString("# GitHub and GitLab read the patterns of folders, Gitea and Forgejo the expressions.\n")
	}
	for _, grant := range Grants {
		b.WriteString("\n# " + grant.Why + "\n" + owners.Lines(grant.Path, who, forges))
	}
	b.WriteString("\n# " + Built + ": each folder that placements build from has a line here;\n" +
		"# `bulla validate` names those that have none\n")
	for _, folder := range built {
		b.WriteString(owners.Lines("/"+folder+"/", who, forges))
	}
	b.WriteString("\n# this file\n" + owners.Lines("/CODEOWNERS", who, forges))
	return []byte(b.String())
}

// ReadMe returns the repository's README.md; built are the folders that placements build
// from.
func ReadMe(fleet, id string, built []string) ([]byte, error) {
	if len(built) == 0 {
		built = []string{Apps}
	}
	t, err := template.New("README.md").Parse(readme)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Fleet": fleet, "ID": id, "Built": built})
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
