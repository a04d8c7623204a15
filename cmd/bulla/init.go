package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/owners"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/workflows"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/trust"
)

const initLong = `Lay out a fleet repository.

Takes the fleet.yaml that ` + "`bulla-keyservice init`" + ` made, verifies it under the
pinned root key or --root-key, and writes it with the folders of a fleet, a
README.md, a CODEOWNERS that covers everything that grants access, and a
.gitattributes that keeps line ends as they are. Git is told to merge stubs with
"bulla merge" in this clone.

What placements build grants too: CODEOWNERS names the folders that placements in
the folder build from, apps/ where there is none yet. It is for the forge of --ci,
else for all of them: GitHub and GitLab read patterns, Gitea and Forgejo expressions.

The folder (--repo, default: the current one) is the top of a Git repository,
empty or not. Nothing is overwritten: a README.md, CODEOWNERS or
.gitattributes that is there stays, another fleet.yaml is an error.

--ci writes the jobs of a forge: ` + "`bulla validate`" + ` for each push and pull request,
forks' too, and for each pull request ` + "`bulla plan`" + ` as a comment, a commit status and
an artifact, at GitHub for code scanning too. They build the version of this program, or of --ci-version. Without
--fleet that is all that it does. Jobs that are there and say something else are
replaced with --force alone.`

const initExample = `  git init fleet && cd fleet
  bulla trust acme+1b2c3d4e+AjQ... --fleet-id 6f1c0d0e5a7b4c3d8e9f001122334455
  bulla init --fleet /tmp/fleet.yaml --owner @acme/platform

  # jobs for pull requests, in a fleet that is laid out already
  bulla init --ci github

  # straight from the key service's machine
  ssh keys cat fleet.yaml | bulla init --fleet - --root-key acme+1b2c3d4e+AjQ...`

func newInit(a *app) *cobra.Command {
	var fleet string
	var who []string
	var ci ciOptions
	cmd := &cobra.Command{
		Use: "init [--fleet FILE] [--ci FORGE]", Short: "Lay out a fleet repository", Long: initLong, Example: initExample,
		Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ci.check(); err != nil {
				return err
			}
			if fleet == "" && len(who) == 0 && ci.forge != "" {
				if err := a.mustBeLaidOut(); err != nil {
					return err
				}
				return a.writeJobs(ci)
			}
			if err := a.init(fleet, who, ci.forge); err != nil {
				return err
			}
			if err := a.writeJobs(ci); err != nil {
				return err
			}
			a.adviseAttributes()
			return a.installMerge(cmd.Context(), a.Repo)
		},
	}
	cmd.Flags().StringVar(&fleet, "fleet", "", "`file` made by bulla-keyservice init, - for standard input")
	cmd.Flags().StringArrayVar(&who, "owner", nil,
		"code `owner` of everything that grants access, such as @acme/platform; may be repeated")
	cmd.Flags().StringVar(&ci.forge, "ci", "", "write the jobs of a `forge`: "+strings.Join(workflows.Forges, ", "))
	cmd.Flags().StringVar(&ci.version, "ci-version", "", "`version` of bulla that the jobs build, or its commit "+
		"(default: that of this program)")
	cmd.Flags().BoolVar(&ci.force, "force", false, "with --ci, replace jobs that are there")
	return cmd
}

func (a *app) init(source string, who []string, forge string) error {
	if source == "" {
		return fault.NewUsage("`bulla-keyservice init` makes it; --fleet - reads standard input", "--fleet is missing")
	}
	for _, owner := range who {
		if !owners.IsOwner(owner) {
			return fault.NewUsage(
				"write @user, @organization/team or a mail address: a forge ignores a line of CODEOWNERS with anything else on it",
				"--owner %q is not a code owner", owner)
		}
	}
	data, err := a.readFleetFile(source)
	if err != nil {
		return err
	}
	fleet, err := api.ParseFleet(source, data)
	if err != nil {
		return err
	}
	store, err := trust.Open()
	if err != nil {
		return err
	}
	if _, pinned, err := store.Lookup(fleet.Spec.ID); err == nil && !pinned && a.RootKey == "" {
		// There is no repository yet that says which fleet it is.
		return fault.NewTrust("get the root verifier key from your fleet's operators, then: bulla trust KEY --fleet-id "+
			fleet.Spec.ID, "no root key is pinned for fleet %q (%s)", fleet.Metadata.Name, fleet.Spec.ID)
	}
	if _, err := fleetrepo.VerifyFleet(store, fleet, a.RootKey); err != nil {
		return err
	}
	if err := checkGitTop(a.Repo); err != nil {
		return err
	}
	return a.layOut(fleet, data, who, forge)
}

func (a *app) readFleetFile(source string) ([]byte, error) {
	in := a.Stdin
	if source != "-" {
		f, err := os.Open(source)
		if err != nil {
			return nil, fault.New(files.Hint(err, "`bulla-keyservice init` makes it"), "read fleet: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, api.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read fleet: %w", err)
	}
	return data, nil
}

// checkGitTop wants the top of a Git working tree: paths in a fleet are
// relative to it, for the key service too.
func checkGitTop(folder string) error {
	if fleetrepo.IsBare(folder) {
		return fault.New("work in a clone of it", "lay out fleet: %s is a bare repository: no files stand in it", folder)
	}
	if _, err := os.Lstat(filepath.Join(folder, ".git")); err != nil {
		return fault.New("run `git init` here first, or go to the top of your Git repository",
			"lay out fleet: %s is not the top of a Git repository", folder)
	}
	return nil
}

func (a *app) layOut(fleet *api.Fleet, data []byte, who []string, forge string) error {
	target := filepath.Join(a.Repo, fleetrepo.FleetFile)
	switch old, err := os.ReadFile(target); {
	case err == nil && string(old) != string(data):
		return fault.New("a repository holds one fleet; remove the file yourself if you mean it",
			"lay out fleet: another %s is there", target)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("lay out fleet: %w", err)
	}
	repo := checkout(a.Repo)
	built := repo.built()
	readme, err := layout.ReadMe(fleet.Metadata.Name, fleet.Spec.ID, built)
	if err != nil {
		return fmt.Errorf("lay out fleet: %w", err)
	}
	write := []struct {
		name string
		data []byte
	}{
		{fleetrepo.FleetFile, data}, {repo.codeOwners(), layout.CodeOwners(who, built, repo.forges(forge))},
		{".gitattributes", layout.GitAttributes()}, {"README.md", readme},
	}
	for _, folder := range layout.Folders(built) {
		write = append(write, struct {
			name string
			data []byte
		}{folder + "/.gitkeep", nil})
	}
	for _, f := range write {
		err := atomicfile.Create(filepath.Join(a.Repo, f.name), f.data, 0o644)
		if errors.Is(err, fs.ErrExist) {
			a.Printf("kept  %s\n", f.name)
			continue
		}
		if err != nil {
			return err
		}
		a.Printf("wrote %s\n", f.name)
	}
	a.adviseOwners(built)
	return nil
}

// adviseAttributes says that line ends may be converted.
func (a *app) adviseAttributes() {
	data, err := os.ReadFile(filepath.Join(a.Repo, ".gitattributes"))
	if err == nil && layout.ConvertsLines(data) {
		a.Warnf(
			".gitattributes does not keep line ends as they are: write `* -text` into it, or a checkout on " +
				"Windows cannot be read")
	}
}
