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
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/enrolment"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/keyservice/audit"
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
	machines, err := enrolment.Read(ctx, source, repo.Model.Fleet.Spec.ID, pattern)
	if err != nil {
		return err
	}
	gone, err := enrolment.TakenOut(ctx, repo.Root)
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
			"%s left out", plural.Of(added.Left, "cluster"))
	}
	return nil
}

// auditLog is the fleet's, from the key service.
func (a run) auditLog(repo *fleetrepo.Repo) (auditlog.Source, func(), error) {
	spec := &repo.Model.Fleet.Spec
	if _, err := audit.FleetVerifier(spec); err != nil {
		return nil, nil, fault.NewTrust("an operator adds it: "+manual.At+"operations/keys.md", "%w", err)
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

// Write writes the files that are not there. What cannot have one is left out, with a
// warning.
func (w Adding) Write(machines map[string][]enrolment.Keys) (*Added, error) {
	out := &Added{}
	for i, m := range enrolment.Judge(w.Repo.Model.Clusters, w.TakenOut, machines) {
		if i%100 == 0 {
			w.Progress("wrote %d of %s", i, plural.Of(len(machines), "file"))
		}
		switch m.Standing {
		case enrolment.OtherKeys:
			w.Warn("%s has other keys than those that enrolled under that name; it is left as it is; "+
				"if the cluster was built anew: bulla cluster add %s --rebuilt --context …",
				w.Repo.Model.Files[api.KindCluster+"/"+m.Name], m.Name)
			out.Had++
		case enrolment.Added:
			out.Had++
		case enrolment.TakenOutBefore:
			out.Out = append(out.Out, m.Name)
		case enrolment.Unfit:
			w.Warn("cluster %q is left out: %s", m.Name, m.Why)
			out.Left++
		case enrolment.New:
			if err := w.write(m, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (w Adding) write(m enrolment.Machine, out *Added) error {
	file, data, err := m.File(w.Labels)
	if err != nil {
		return err
	}
	err = atomicfile.Create(w.Repo.Abs(file), data, 0o644)
	if errors.Is(err, fs.ErrExist) {
		w.Warn("cluster %q is left out: %s is there, but it is not a cluster that counts; "+
			"`bulla validate` says why", m.Name, file)
		out.Left++
		return nil
	}
	if err != nil {
		return err
	}
	out.Names = append(out.Names, m.Name)
	return nil
}

// reportEnrolled says what they gain when this is merged.
func (a run) reportEnrolled(root string, added *Added) error {
	if added.Had > 0 {
		a.Printf("%s had a file before\n", plural.Of(added.Had, "cluster"))
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
	a.Printf("wrote %s: %s to %s\n", plural.Of(len(added.Names), "file"), added.Names[0], last)
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

// takenOutNote says which of them stay out.
func takenOutNote(names []string, commit string) string {
	const few = 5
	listed := strings.Join(names[:min(len(names), few)], ", ")
	if more := len(names) - few; more > 0 {
		listed += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s: taken out of the repository before, and stays out; to bring one back: "+
		"git checkout %s^ -- clusters/%s.yaml", listed, commit, names[0])
}
