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

// Actions are what jobs of a forge use, by commit: who may move a tag would run code in every
// fleet's jobs. Those at GitHub are on Node 24, and this repository's release uses the same.
// Forgejo's have their older pins: its runner takes an action's Node from its own image, and
// runners from before Node 24 refuse what asks for it.
var Actions = map[string]map[string]string{
	"github": {
		"checkout": "actions/checkout@d23441a48e516b6c34aea4fa41551a30e30af803 # v6.1.0",
		"go":       "actions/setup-go@924ae3a1cded613372ab5595356fb5720e22ba16 # v6.5.0",
		"artifact": "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f # v6.0.0",
		"sarif":    "github/codeql-action/upload-sarif@5d4e8d1aca955e8d8589aabd499c5cae939e33c7 # v4.31.9",
	},
	"forgejo": {
		"checkout": "https://data.forgejo.org/actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
		"go":       "https://data.forgejo.org/actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0",
		"artifact": "https://data.forgejo.org/forgejo/upload-artifact@16871d9e8cfcf27ff31822cac382bbb5450f1e1e # v4",
	},
}

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
	all, err := template.New("").Delims("[[", "]]").Option("missingkey=error").ParseFS(templates, "*.tmpl")
	if err != nil {
		return File{}, fmt.Errorf("read the jobs: %w", err)
	}
	var b bytes.Buffer
	with := map[string]any{"Version": version, "Go": Go, "Uses": Actions[forge]}
	if err := all.ExecuteTemplate(&b, forge+".tmpl", with); err != nil {
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
