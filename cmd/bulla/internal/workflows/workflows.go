// Package workflows has the jobs by which a forge checks a fleet repository: `bulla
// validate` for each push, and `bulla plan` for each pull request.
package workflows

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/mod/semver"

	"github.com/bulla-dev/bulla/api/hexid"
)

//go:embed *.tmpl
var templates embed.FS

// Go is the release with which jobs build bulla: that of go.mod.
const Go = "1.26"

// Forges are those that there are jobs for, as flags name them.
var Forges = []string{"github", "gitlab", "forgejo"}

// File is one file of a fleet repository.
type File struct {
	Name string
	Data []byte
}

// paths are where each forge looks for jobs. GitLab has one file for all; what is put
// into it is one line, that includes the second.
var paths = map[string]string{
	"github": ".github/workflows/bulla.yaml", "forgejo": ".forgejo/workflows/bulla.yaml",
	"gitlab": ".gitlab/ci/bulla.yml",
}

// GitLabFile is where GitLab begins, and Include what it says to have the jobs.
const (
	GitLabFile = ".gitlab-ci.yml"
	Include    = "include:\n  - local: .gitlab/ci/bulla.yml\n"
)

// For is the file with the jobs for a forge, that build one version of bulla.
func For(forge, version string) (File, error) {
	name, known := paths[forge]
	if !known {
		return File{}, fmt.Errorf("no jobs are known for forge %q", forge)
	}
	all, err := template.New("").Delims("[[", "]]").ParseFS(templates, "*.tmpl")
	if err != nil {
		return File{}, fmt.Errorf("read the jobs: %w", err)
	}
	var b bytes.Buffer
	if err := all.ExecuteTemplate(&b, forge+".tmpl", map[string]string{"Version": version, "Go": Go}); err != nil {
		return File{}, fmt.Errorf("write the jobs: %w", err)
	}
	return File{name, b.Bytes()}, nil
}

// Known says whether there are jobs for a forge.
func Known(forge string) bool { return slices.Contains(Forges, forge) }

// Pins says whether a version names one state of bulla for good: a whole version of three
// numbers, as Go's checksum database keeps it, or a commit. A branch, "latest" and v1 name
// another one tomorrow.
func Pins(version string) bool {
	return hexid.IsSHA1Commit(version) ||
		semver.IsValid(version) && semver.Canonical(version) == version && !strings.Contains(version, "+")
}
