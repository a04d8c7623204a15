// Package owners reads CODEOWNERS files: whom a forge asks before a file changes.
//
// GitHub and GitLab read patterns, by github.com/hmarr/codeowners, of which the last that fits
// counts, at GitLab in each section. Gitea and Forgejo read regular expressions of whole paths
// (GetCodeOwnersFromContent in their models/issues), for which no pattern of a folder stands.
package owners

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// Placeholder stands for the owners while nobody is named.
const Placeholder = "@OWNERS"

// Example is an owner as a hint writes one.
const Example = "@organization/team"

// places are where forges look, each in this order. In .github only GitHub does, and there
// first.
var places = []string{
	".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS", ".gitea/CODEOWNERS",
	".forgejo/CODEOWNERS",
}

// Files is where a CODEOWNERS file is looked for.
type Files interface {
	ReadFile(path string) ([]byte, error)
	// IsDir reports whether a folder is there.
	IsDir(path string) bool
}

// File is the CODEOWNERS file of a repository.
type File struct {
	// Path is where it stands.
	Path        string
	forges      Forges
	sections    []*section
	expressions []expression
}

// Find reads the file that a forge reads, nil for none.
func Find(files Files) *File {
	for _, place := range places {
		if data, err := files.ReadFile(place); err == nil {
			f := &File{Path: place, forges: forgesOf(files, place)}
			if f.forges.patterns() {
				f.sections = readSections(data, !strings.HasPrefix(place, ".github/"))
			}
			if f.forges.expressions() {
				f.expressions = readExpressions(data)
			}
			return f
		}
	}
	return nil
}

// Own reports whether somebody must be asked before a file changes.
func (f *File) Own(file string) bool {
	return (!f.forges.patterns() || ownedByPattern(f.sections, file)) &&
		(!f.forges.expressions() || ownedByExpression(f.expressions, file))
}

// Line is one for a file or folder ("/apps/"), as the forge of this file reads it.
func (f *File) Line(of string) string {
	forges := f.forges
	if forges == Anybody {
		forges = WithPatterns
	}
	return strings.TrimSpace(Lines(of, []string{Example}, forges))
}

// IsOwner says whether forges take s for somebody: @user, @group/team or a mail
// address. Of a line with anything else on it GitHub ignores all, so a forgotten
// @ guards nothing and nobody is told.
func IsOwner(s string) bool {
	before, after, ok := strings.Cut(s, "@")
	return ok && after != "" && !strings.ContainsAny(s, " \t\r\n#") && !strings.HasSuffix(s, "/") &&
		!strings.Contains(before, "/")
}

// Open are those of the paths of files that are not covered, sorted, each from the root
// ("/fleet.yaml"). A folder ("/apps/") stands for all in it where none of it is.
func Open(files []string, covered func(file string) bool) []string {
	all, open := map[string]int{}, map[string]int{}
	var left []string
	for _, file := range files {
		is := covered(file)
		if !is {
			left = append(left, file)
		}
		for folder := path.Dir(file); folder != "."; folder = path.Dir(folder) {
			all[folder]++
			if !is {
				open[folder]++
			}
		}
	}
	told := map[string]bool{}
	for _, file := range left {
		highest := "/" + file
		for folder := path.Dir(file); folder != "." && open[folder] == all[folder]; folder = path.Dir(folder) {
			highest = "/" + folder + "/"
		}
		told[highest] = true
	}
	return slices.Sorted(maps.Keys(told))
}

// Any is the name of a file that a folder may have one day.
func Any(folder string) string { return path.Join(folder, "NAME.yaml") }
