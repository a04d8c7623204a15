package clustercmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clusterkeys"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// clusterAddEnrolled writes the files of what enrolled under names of a pattern.
func (a run) clusterAddEnrolled(ctx context.Context, o clusterAddOptions) error {
	pattern := protocol.Pattern(o.enrolled)
	if err := pattern.Check(); err != nil {
		return fault.NewUsage("such as --enrolled 'shop-*'; quote it, or the shell takes it for files",
			"pattern %q: %w", o.enrolled, err)
	}
	labels, err := ParseLabels(o.labels)
	if err != nil {
		return err
	}
	repo, err := a.OpenVerified()
	if err != nil {
		return err
	}
	source, done, err := a.auditLog(repo)
	if err != nil {
		return err
	}
	defer done()
	machines, err := Enrolled(ctx, source, repo.Model.Fleet.Spec.ID, pattern)
	if err != nil {
		return err
	}
	gone, err := takenOut(ctx, repo.Root)
	if err != nil {
		return err
	}
	progress := a.Progress()
	adding := Adding{Repo: repo, Labels: labels, TakenOut: gone, Progress: progress, Warn: a.Warnf}
	added, err := adding.Write(machines)
	progress("")
	if err != nil {
		return err
	}
	if len(added.Out) > 0 {
		a.Printf("%s\n", takenOutNote(added.Out, gone[added.Out[0]]))
	}
	a.Nothing(len(machines),
		"no cluster enrolled under a name of "+o.enrolled+"; `bulla audit log --kind Enrol` shows who did")
	if err := a.reportEnrolled(repo.Root, added); err != nil {
		return err
	}
	if added.Left > 0 {
		return fault.New("look at each machine, and add it by its name: bulla cluster add NAME --context …",
			"%s left out", shell.Count(added.Left, "cluster"))
	}
	return nil
}

// auditLog is the fleet's, from the key service.
func (a run) auditLog(repo *fleetrepo.Repo) (auditlog.Source, func(), error) {
	spec := &repo.Model.Fleet.Spec
	if _, err := audit.FleetVerifier(spec); err != nil {
		return nil, nil, fault.NewTrust("an operator adds it: see docs/operations.md", "%w", err)
	}
	admin, err := a.Admin(spec.ID)
	if err != nil {
		return nil, nil, err
	}
	source, err := auditlog.Of(admin, spec.ID, spec.LogKey, a.Warnf)
	if err != nil {
		admin.Close()
		return nil, nil, err
	}
	source.Progress = a.Progress()
	return source, admin.Close, nil
}

// Enrolled reads which keys enrolled under names of a pattern, as the signed log has it:
// by name, each different pair of keys once.
func Enrolled(ctx context.Context, log auditlog.Source, fleet string, pattern protocol.Pattern) (
	map[string][]clusterkeys.Keys, error,
) {
	machines := map[string][]clusterkeys.Keys{}
	err := log.Read(ctx, auditlog.Filter{Kind: string(audit.Enrol), Outcome: audit.Done},
		func(e client.AuditEntry) error {
			keys := clusterkeys.Keys{
				Fleet: e.Entry.Fleet, Cluster: e.Entry.Cluster,
				Identity: e.Entry.Identity, Recipient: e.Entry.Recipient,
			}
			// An entry of before recipients were recorded says too little.
			if keys.Fleet != fleet || keys.Recipient == "" || !pattern.Admits(keys.Cluster) {
				return nil
			}
			if !slices.Contains(machines[keys.Cluster], keys) {
				machines[keys.Cluster] = append(machines[keys.Cluster], keys)
			}
			return nil
		})
	return machines, err
}

// Adding writes files of clusters on the key service's word.
type Adding struct {
	Repo   *fleetrepo.Repo
	Labels map[string]string
	// TakenOut are clusters that were in the repository once, by name, with the commit
	// that took them out. They stay out.
	TakenOut map[string]string
	Progress func(format string, args ...any)
	Warn     func(format string, args ...any)
}

// Added is what was done.
type Added struct {
	// Names are those whose file was written, sorted.
	Names []string
	// Had is how many had a file before, Left how many were left out.
	Had, Left int
	// Out are those that were taken out before, sorted.
	Out []string
}

// Write writes the files that are not there. Of two machines with one name, or one key,
// nobody can tell which is meant: they are left out, with a warning.
func (w Adding) Write(machines map[string][]clusterkeys.Keys) (*Added, error) {
	out, holders := &Added{}, map[string]string{}
	for name, cluster := range w.Repo.Model.Clusters {
		holders[cluster.Spec.Identity], holders[cluster.Spec.Recipient] = name, name
	}
	for i, name := range slices.Sorted(maps.Keys(machines)) {
		if i%100 == 0 {
			w.Progress("wrote %d of %d files", i, len(machines))
		}
		if w.isThere(name, machines[name]) {
			out.Had++
			continue
		}
		if w.TakenOut[name] != "" {
			out.Out = append(out.Out, name)
			continue
		}
		if why := w.unfit(machines[name], holders); why != "" {
			w.Warn("cluster %q is left out: %s", name, why)
			out.Left++
			continue
		}
		keys := machines[name][0]
		file := "clusters/" + name + ".yaml"
		data := []byte(renderBy(api.VouchedByKeyService, name, w.Labels, keys))
		if _, err := api.ParseCluster(file, data); err != nil {
			return nil, err
		}
		err := atomicfile.Create(w.Repo.Abs(file), data, 0o644)
		if errors.Is(err, fs.ErrExist) {
			w.Warn("cluster %q is left out: %s is there, but it is not a cluster that counts; "+
				"`bulla validate` says why", name, file)
			out.Left++
			continue
		}
		if err != nil {
			return nil, err
		}
		holders[keys.Identity], holders[keys.Recipient] = name, name
		out.Names = append(out.Names, name)
	}
	return out, nil
}

// isThere says whether a cluster has a file, and warns where that has none of the keys
// that enrolled.
func (w Adding) isThere(name string, machines []clusterkeys.Keys) bool {
	cluster, ok := w.Repo.Model.Clusters[name]
	if !ok {
		return false
	}
	if !slices.ContainsFunc(machines, func(k clusterkeys.Keys) bool {
		return k.Identity == cluster.Spec.Identity && k.Recipient == cluster.Spec.Recipient
	}) {
		w.Warn("%s has other keys than those that enrolled under that name; it is left as it is; "+
			"if the cluster was built anew: bulla cluster add %s --rebuilt --context …",
			w.Repo.Model.Files[api.KindCluster+"/"+name], name)
	}
	return true
}

func (w Adding) unfit(machines []clusterkeys.Keys, holders map[string]string) string {
	keys := machines[0]
	if len(machines) > 1 {
		return fmt.Sprintf("%d different pairs of keys enrolled under that name", len(machines))
	}
	if err := checkKeys(keys); err != nil {
		return err.Error()
	}
	for _, key := range []string{keys.Identity, keys.Recipient} {
		if other := holders[key]; other != "" {
			return fmt.Sprintf("cluster %q has the same key", other)
		}
	}
	return ""
}

// reportEnrolled says what they gain when this is merged.
func (a run) reportEnrolled(root string, added *Added) error {
	if added.Had > 0 {
		a.Printf("%s had a file before\n", shell.Count(added.Had, "cluster"))
	}
	if len(added.Names) == 0 {
		return nil
	}
	repo, err := fleetrepo.Open(root)
	if err != nil {
		return err
	}
	sets, placements := map[string]int{}, map[string]int{}
	for _, name := range added.Names {
		for _, set := range repo.Model.SetsOf(name) {
			sets[set]++
		}
		for _, placement := range repo.Model.PlacedOn(name) {
			placements[placement]++
		}
	}
	last := added.Names[len(added.Names)-1]
	a.Printf("wrote %s: %s to %s\n", shell.Count(len(added.Names), "file"), added.Names[0], last)
	for _, part := range []struct {
		verb string
		of   map[string]int
	}{{"join", sets}, {"get", placements}} {
		var words []string
		for _, name := range slices.Sorted(maps.Keys(part.of)) {
			words = append(words, fmt.Sprintf("%s (%d)", name, part.of[name]))
		}
		if len(words) > 0 {
			a.Printf("  %s %s\n", part.verb, strings.Join(words, ", "))
		}
	}
	a.Printf("  their keys stand on the key service's word (vouchedBy): bulla cluster vouch NAME before a two-lock\n")
	return nil
}
