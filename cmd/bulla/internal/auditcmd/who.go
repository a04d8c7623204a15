package auditcmd

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/model"
)

const auditWhoLong = `Show who could read a secret, when, and because of which commit.

SECRET is the object as clusters have it, namespace/name, or its stub file. Each
line is a cluster that the key service answered, with the version of the stub, the
placement, and the accepted head that granted it. Clusters that the working tree
places it on and that did not ask yet are told after that. A name that neither the
log nor the working tree has is refused: it is more likely misspelt than safe.

With --cluster NAME and no SECRET: the cluster is lost. It lists every secret
that it opened, and which files of the working tree still carry those values: seal
those anew, and change the values where they are used. "bulla rotate --exposed NAME"
does that for values that a program made. A file whose locks alone
changed counts as the same; so that this can be seen, run it in a clone with
history.

What is in no log: holders of a recovery key, and what a cluster's administrators
did with what it opened.`

const auditWhoExample = `  bulla audit who payments/db
  bulla audit who apps/payments/base/db.yaml

  # store-17 was stolen: what to rotate?
  bulla audit who --cluster store-17
  bulla audit who --cluster store-17 -o json | jq -r '.[].rotate[].path' | sort -u`

func newAuditWho(a run) *cobra.Command {
	var f logFlags
	var cluster string
	format := render.Text
	cmd := &cobra.Command{
		Use: "who [SECRET]", Short: "Show who could read a secret, and what to rotate after a cluster is lost",
		Long: auditWhoLong, Example: auditWhoExample,
		Args: command.Args("one secret, or --cluster", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			switch {
			case len(args) == 1:
				return a.auditWho(cmd.Context(), f, args[0], cluster, format)
			case cluster != "":
				return a.auditLost(cmd.Context(), f, cluster, format)
			}
			return fault.NewUsage("name a secret as namespace/name, or a lost cluster with --cluster",
				"neither a secret nor a cluster is named")
		},
	}
	f.add(cmd)
	shell.OutputFlag(cmd, &format)
	cmd.Flags().StringVar(&cluster, "cluster", "",
		"this cluster alone; without SECRET, everything that it opened (`name`)")
	return cmd
}

// whoReport is the answer of `audit who SECRET`.
type whoReport struct {
	Objects  []string           `json:"objects"`
	Readings []exposure.Reading `json:"readings"`
	// Placed are the clusters that may open it now and did not ask yet.
	Placed []exposure.Placed `json:"placed"`
	// RecoveryKeys is how many offline keys open every stub, unlogged.
	RecoveryKeys int `json:"recoveryKeys"`
}

// auditWho answers for one secret. Without a fleet repository it says what the
// log says, and nothing of now.
func (a run) auditWho(ctx context.Context, f logFlags, secret, cluster string, format render.Format) error {
	repo, err := a.Open()
	if err != nil && f.logKey == "" {
		return err
	}
	report := &whoReport{Objects: []string{secret}, Readings: []exposure.Reading{}, Placed: []exposure.Placed{}}
	digest := ""
	var uses map[string][]built.Use
	if repo != nil {
		report.RecoveryKeys = len(repo.Model.Fleet.Spec.RecoveryRecipients)
		if uses, err = a.uses(ctx, repo); err != nil {
			return err
		}
		if report.Objects, digest, err = objectsOf(repo, uses, secret); err != nil {
			return err
		}
	} else if strings.Count(secret, "/") != 1 {
		return fault.NewUsage("outside of a fleet repository, write namespace/name", "%q is not namespace/name", secret)
	}
	source, done, err := a.source(f)
	if err != nil {
		return err
	}
	defer done()
	entries, err := exposure.Grants(ctx, source, cluster, digest, report.Objects)
	if err != nil {
		return err
	}
	report.Readings = append(report.Readings,
		exposure.About(exposure.Readings(entries), report.Objects, digest)...)
	if len(entries) == 0 && digest == "" {
		if err := isNamed(ctx, source, repo, uses, secret); err != nil {
			return err
		}
	}
	if len(entries) == 0 && cluster != "" {
		if err := KnowsCluster(ctx, source, repo, cluster); err != nil {
			return err
		}
	}
	if repo != nil {
		history := exposure.OpenClone(repo.Root)
		stubs, unreadable := exposure.Stubs(repo.Tree)
		a.LeaveOutAll(unreadable)
		for i := range report.Readings {
			r := &report.Readings[i]
			r.Commit = history.Describe(r.Head)
			r.Current = slices.ContainsFunc(stubs, func(s exposure.Stub) bool { return s.Digest == r.Digest })
		}
		report.Placed = exposure.Unread(repo.Model, uses, report.Objects, report.Readings, cluster)
	}
	return a.printWho(report, format)
}

// uses builds every placement: the log has objects as they are built.
func (a run) uses(ctx context.Context, repo *fleetrepo.Repo) (map[string][]built.Use, error) {
	placements := slices.SortedFunc(maps.Values(repo.Model.Placements), func(a, b *api.Placement) int {
		return cmp.Compare(a.Metadata.Name, b.Metadata.Name)
	})
	index, err := built.All(ctx, shell.Builder(repo.Root), repo.Tree, placements, a.Progress())
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(index.Failed)) {
		a.LeaveOut("placement %q does not build, so what it places is not told: %v", name, index.Failed[name])
	}
	return index.Uses, nil
}

// objectsOf finds what a person means: a stub file and what it becomes, or an
// object by name. The digest is set for a file.
func objectsOf(
	repo *fleetrepo.Repo, uses map[string][]built.Use, secret string,
) (objects []string, digest string, err error) {
	if info, err := os.Stat(fleetrepo.Named(repo.Root, secret)); err != nil || info.IsDir() {
		if strings.Count(secret, "/") != 1 || strings.HasSuffix(secret, ".yaml") {
			return nil, "", fault.New("write namespace/name, or the path of a stub file",
				"%q is no file and not namespace/name", secret)
		}
		return []string{secret}, "", nil
	}
	file, err := repo.Rel(secret)
	if err != nil {
		return nil, "", err
	}
	stubs, unreadable := exposure.Stubs(repo.Tree)
	for _, u := range unreadable {
		if u.Path == file {
			return nil, "", u.Err
		}
	}
	for _, stub := range stubs {
		if stub.Path == file {
			digest = stub.Digest
			objects = append(objects, stub.Manifest.Metadata.Namespace+"/"+stub.Manifest.Metadata.Name)
		}
	}
	if digest == "" {
		return nil, "", fault.New("bulla validate tells more", "%s is not a stub", file)
	}
	if len(uses[file]) > 0 {
		objects = nil // what it is built into counts, not what it says
	}
	for _, use := range uses[file] {
		objects = append(objects, use.Namespace+"/"+use.Name)
	}
	slices.Sort(objects)
	return slices.Compact(objects), digest, nil
}

func (a run) printWho(report *whoReport, format render.Format) error {
	table := render.Table{
		Header: []string{"CLUSTER", "OBJECT", "VERSION", "FIRST", "LAST", "TIMES", "PLACEMENT", "HEAD", "COMMIT"},
	}
	for _, r := range report.Readings {
		version := shell.Short(strings.TrimPrefix(r.Digest, "sha256:"))
		if r.Current {
			version += " (current)"
		}
		table.Rows = append(table.Rows,
			[]string{
				r.Cluster, r.Object, version, stamp(r.First), stamp(r.Last), fmt.Sprint(r.Times), r.Placement,
				shell.Short(r.Head), r.Commit,
			})
	}
	if err := format.Print(a.Stdout, report, table); err != nil || format != render.Text {
		return err
	}
	if len(report.Readings) == 0 {
		a.Printf("no cluster opened %s\n", strings.Join(report.Objects, ", "))
	}
	for _, p := range report.Placed {
		a.Printf("may open it now, and did not ask: %s (placement %s)\n", p.Cluster, p.Placement)
	}
	if report.RecoveryKeys > 0 {
		a.Printf("recovery keys: %d; whoever has one reads it from Git, and no log tells\n", report.RecoveryKeys)
	}
	return nil
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04Z") }

// auditLost answers for a lost cluster.
func (a run) auditLost(ctx context.Context, f logFlags, cluster string, format render.Format) error {
	repo, err := a.Open()
	if err != nil {
		return err
	}
	source, done, err := a.source(f)
	if err != nil {
		return err
	}
	defer done()
	lost, err := Lost(ctx, a.Shell, source, repo, cluster)
	if err != nil {
		return err
	}
	return a.printLost(cluster, repo.Model, lost, format)
}

// Lost is all that a cluster opened, by the log, and what became of it in the working
// tree. A cluster that neither names is refused.
func Lost(
	ctx context.Context, s *shell.Shell, source auditlog.Source, repo *fleetrepo.Repo, cluster string,
) ([]exposure.Lost, error) {
	filter := exposure.Granted
	filter.Cluster = cluster
	var entries []client.AuditEntry
	if err := source.Read(ctx, filter,
		func(e client.AuditEntry) error { entries = append(entries, e); return nil }); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		if err := KnowsCluster(ctx, source, repo, cluster); err != nil {
			return nil, err
		}
	}
	tellAge(s, source, cluster, time.Now())
	history := exposure.OpenClone(repo.Root)
	stubs, unreadable := exposure.Stubs(repo.Tree)
	s.LeaveOutAll(unreadable)
	store := s.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	lost := exposure.After(exposure.Readings(entries), stubs, history, keptBy(ctx, s, store, repo))
	for i := range lost {
		lost[i].Commit = history.Describe(lost[i].Head)
	}
	return lost, nil
}

// keptBy takes stubs of references from the key service, once each, and says of the first
// that cannot be had what that means.
func keptBy(ctx context.Context, s *shell.Shell, store *stored.Store, repo *fleetrepo.Repo) exposure.Kept {
	told := false
	return exposure.Kept{Fleet: repo.Model.Fleet.Spec.ID,
		Stub: func(path string, r *api.SealedReference) *api.SealedManifest {
			stub, err := store.Stub(ctx, path, r)
			if err != nil && !told {
				s.Warnf("values of references count as those that were read, where their stubs cannot be compared: %v", err)
				told = true
			}
			return stub
		}}
}

// tellAge says of an export how far it reaches: a lost cluster may have opened more since.
func tellAge(s *shell.Shell, source auditlog.Source, cluster string, now time.Time) {
	if export, ok := source.(*auditlog.File); ok && !export.Last.IsZero() {
		s.Warnf("the last entry of %s was made at %s, %s ago: what %s opened since then is not in it", export.Path,
			export.Last.UTC().Format(time.RFC3339), shell.Ago(now, &export.Last), cluster)
	}
}

func (a run) printLost(cluster string, model *model.Model, lost []exposure.Lost, format render.Format) error {
	table := render.Table{Header: []string{"OBJECT", "STATE", "VERSION", "LAST OPENED", "SEAL ANEW"}}
	files, unknown := map[string]bool{}, 0
	for _, l := range lost {
		if l.State == exposure.Unknown {
			unknown++
		}
		var rotate []string
		for _, still := range l.Rotate {
			files[still.Path] = true
			rotate = append(rotate, still.String())
		}
		table.Rows = append(table.Rows,
			[]string{
				l.Object, string(l.State), shell.Short(strings.TrimPrefix(l.Digest, "sha256:")), stamp(l.Last),
				strings.Join(rotate, ", "),
			})
	}
	if err := format.Print(a.Stdout, lost, table); err != nil || format != render.Text {
		return err
	}
	if len(lost) == 0 {
		a.Printf("cluster %s opened nothing\n", cluster)
	} else {
		a.Printf("%s to seal anew; change each value where it is used, too\n", plural.Of(len(files), "file"))
	}
	if unknown > 0 {
		a.Warnf(
			"%d are Unknown: this clone does not have the commits that granted them; fetch them and run this again, or "+
				"count them as Same", unknown)
	}
	if c, member := model.Clusters[cluster]; member && !c.Spec.Suspend {
		a.Warnf("%s is still in the fleet and may open more: set suspend: true or remove its file, and merge that first",
			cluster)
	}
	return nil
}
