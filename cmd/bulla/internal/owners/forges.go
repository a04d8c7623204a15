package owners

import (
	"path"
	"regexp"
	"strings"
)

// Forges are those that read a file.
type Forges int

// The forges. Of Anybody's nobody knows which it is.
const (
	Anybody Forges = iota
	// WithPatterns are GitHub and GitLab.
	WithPatterns
	// WithExpressions are Gitea and Forgejo.
	WithExpressions
)

func (f Forges) patterns() bool    { return f != WithExpressions }
func (f Forges) expressions() bool { return f == WithExpressions }

// ForgesOf says who reads what stands at the root of a repository.
func ForgesOf(files Files) Forges { return forgesOf(files, "CODEOWNERS") }

// forgesOf says who reads the file at a place: whose folder it is in, or which forge's
// folder the repository has.
func forgesOf(files Files, place string) Forges {
	folder := path.Dir(place)
	ours := func(name string) bool { return name == ".gitea" || name == ".forgejo" }
	switch {
	case ours(folder):
		return WithExpressions
	case folder == ".github", folder == ".gitlab", files.IsDir(".github"), files.IsDir(".gitlab"):
		return WithPatterns
	case files.IsDir(".gitea"), files.IsDir(".forgejo"):
		return WithExpressions
	}
	return Anybody
}

// Lines name the owners of a file or folder ("/apps/"). Where nobody knows the
// forge, there is what each reads, of which the other makes nothing that is not guarded
// anyhow: "apps/.*" is a pattern for files that begin with a dot, "fleet.yaml" one for files
// of that name wherever they are.
func Lines(of string, who []string, forges Forges) string {
	names := " " + strings.Join(who, " ") + "\n"
	pattern, expression := of+names, expressionFor(of)+names
	switch {
	case forges == WithPatterns:
		return pattern
	case forges == WithExpressions || !strings.HasSuffix(of, "/"):
		return expression
	}
	return pattern + expression
}

// expressionFor matches a file or folder. A dot stands for itself well enough; Gitea takes a
// backslash for its own before the expression is read.
func expressionFor(of string) string {
	text := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(of, "/")), `\.`, ".")
	text = strings.ReplaceAll(text, `\`, `\\`)
	if strings.HasSuffix(of, "/") {
		text += ".*"
	}
	return text
}
