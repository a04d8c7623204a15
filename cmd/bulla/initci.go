package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/workflows"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
)

// ciOptions are which jobs are written, for which version of bulla.
type ciOptions struct {
	forge, version string
	force          bool
}

// check says what is wrong with the flags, before anything is written.
func (o *ciOptions) check() error {
	known := strings.Join(workflows.Forges, ", ")
	switch {
	case o.forge == "" && (o.version != "" || o.force):
		return fault.NewUsage("add --ci, with one of "+known, "nothing says for which forge")
	case o.forge == "":
		return nil
	case !workflows.Known(o.forge):
		return fault.NewUsage("--ci takes "+known, "there are no jobs for forge %q", o.forge)
	case o.version == "":
		o.version = version.Module()
		if !workflows.Pins(o.version) {
			return fault.NewUsage("--ci-version names the one that jobs build: a release such as v0.1.0, or a commit",
				"this program was built from a working tree (%s), which no job can build again", o.version)
		}
	case !workflows.Pins(o.version):
		return fault.NewUsage("name a whole version such as v0.1.0, or a commit in 40 digits: others change under a job",
			"--ci-version %q pins nothing", o.version)
	}
	return nil
}

// writeJobs writes the jobs for a forge.
func (a *app) writeJobs(o ciOptions) error {
	if o.forge == "" {
		return nil
	}
	file, err := workflows.For(o.forge, o.version)
	if err != nil {
		return err
	}
	if err := a.writeJob(file, o.force); err != nil {
		return err
	}
	if o.forge == "gitlab" {
		return a.includeJobs()
	}
	return nil
}

// writeJob replaces a file that somebody may have changed only where told to.
func (a *app) writeJob(file workflows.File, force bool) error {
	target := filepath.Join(a.Repo, filepath.FromSlash(file.Name))
	old, err := os.ReadFile(target)
	switch {
	case err == nil && bytes.Equal(old, file.Data):
		a.Printf("kept  %s\n", file.Name)
		return nil
	case err == nil && !force:
		return fault.New("--force replaces it; `git diff` shows what that changes", "write jobs: another %s is there",
			file.Name)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fault.New("move away what stands in the place of the file or of its folders", "write jobs: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // As Git makes them.
		return fault.New("move away what stands in the place of the file or of its folders", "write jobs: %w", err)
	}
	if err := atomicfile.Write(target, file.Data, 0o644); err != nil {
		return fmt.Errorf("write jobs: %w", err)
	}
	a.Printf("wrote %s\n", file.Name)
	return nil
}

// includeJobs has GitLab's one file include the jobs. What others wrote into it is left.
func (a *app) includeJobs() error {
	target := filepath.Join(a.Repo, workflows.GitLabFile)
	old, err := os.ReadFile(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.writeJob(workflows.File{Name: workflows.GitLabFile, Data: []byte(workflows.Include)}, false)
	case err != nil:
		return fault.New("look at what stands there", "write jobs: %w", err)
	case bytes.Contains(old, []byte(".gitlab/ci/bulla.yml")):
		a.Printf("kept  %s\n", workflows.GitLabFile)
	default:
		a.Warnf("%s does not include the jobs: add `- local: .gitlab/ci/bulla.yml` under include:", workflows.GitLabFile)
	}
	return nil
}

// mustBeLaidOut wants a fleet where only jobs are asked for.
func (a *app) mustBeLaidOut() error {
	if err := checkGitTop(a.Repo); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(a.Repo, fleetrepo.FleetFile)); err != nil {
		return fault.NewUsage("`bulla-keyservice init` makes it; --fleet - reads standard input",
			"--fleet is missing, and there is no %s", fleetrepo.FleetFile)
	}
	return nil
}
