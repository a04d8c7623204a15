package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/enrolment"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// enrolmentBody is what enrolled and is not in the fleet, and whose keys nobody compared.
type enrolmentBody struct {
	Broken  *notice
	Notices []notice
	Asked   bool
	// Waiting can have a file, Others cannot, or have one that says something else.
	Waiting, Others []machine
	Pager           *pager
	All             int
	// Unvouched are clusters of the fleet whose keys stand on the key service's word.
	Unvouched []machine
	More      int
	// Tokens are what the log says of join tokens, the newest first.
	Tokens []logbook.Line
}

// machine is one of them, with what to compare and what to type.
type machine struct {
	enrolment.Machine
	// Fingerprints are of each pair of keys.
	Fingerprints []string
}

func (c *Console) enrolment(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return err
	}
	body := &enrolmentBody{}
	body.unvouched(s)
	shown := page{Template: "enrolment.html", Title: "Enrolment", Section: "enrolment", Body: body}
	log, err := c.log(ctx, s.Model.Fleet)
	if err == nil {
		err = body.ask(ctx, c, log, s)
	}
	switch {
	case logbook.Broken(err):
		*body = enrolmentBody{Broken: troubleOf("The audit log does not hold", err)}
	case err != nil:
		body.Notices = append(body.Notices, *troubleOf("What enrolled is not shown", err))
	}
	body.Waiting, body.Pager = paged(body.Waiting, r.URL.Query(), "/enrolment", "machine")
	return c.show(w, r, shown)
}

// unvouched lists clusters whose keys nobody compared.
func (b *enrolmentBody) unvouched(s *clone.Snapshot) {
	for name, cluster := range s.Model.Clusters {
		if cluster.Spec.VouchedBy == "" {
			continue
		}
		keys := enrolment.Keys{Fleet: s.Model.Fleet.Spec.ID, Cluster: name, Identity: cluster.Spec.Identity,
			Recipient: cluster.Spec.Recipient}
		b.Unvouched = append(b.Unvouched, machine{enrolment.Machine{Name: name}, []string{keys.Fingerprint()}})
	}
	slices.SortFunc(b.Unvouched, func(a, o machine) int { return strings.Compare(a.Name, o.Name) })
	if over := len(b.Unvouched) - perPage; over > 0 {
		b.Unvouched, b.More = b.Unvouched[:perPage], over
	}
}

func (b *enrolmentBody) ask(ctx context.Context, c *Console, log *logbook.Log, s *clone.Snapshot) error {
	machines, err := enrolment.Read(ctx, log.Source(), s.Model.Fleet.Spec.ID, protocol.Pattern("*"))
	if err != nil {
		return err
	}
	gone, err := enrolment.TakenOut(ctx, c.clone.Folder)
	if err != nil {
		return err
	}
	b.Asked, b.All = true, len(machines)
	for _, one := range enrolment.Judge(clustersOf(s), gone, machines) {
		m := machine{Machine: one}
		for _, keys := range one.Keys {
			m.Fingerprints = append(m.Fingerprints, keys.Fingerprint())
		}
		switch one.Standing {
		case enrolment.New:
			b.Waiting = append(b.Waiting, m)
		case enrolment.Added:
		default:
			b.Others = append(b.Others, m)
		}
	}
	tokens, err := log.Entries(ctx, auditlog.Filter{Kind: string(audit.Token)}, 0)
	if err != nil {
		return err
	}
	for _, e := range tokens.Entries {
		b.Tokens = append(b.Tokens, logbook.LineOf(e))
	}
	return nil
}

// clustersOf are those with a file, also where it is refused: a file that counts for
// nothing is no machine that has none.
func clustersOf(s *clone.Snapshot) map[string]*api.Cluster {
	all := map[string]*api.Cluster{}
	for name, cluster := range s.Model.Clusters {
		all[name] = cluster
	}
	for _, p := range s.Model.Problems {
		if p.Kind == api.KindCluster && p.Name != "" && all[p.Name] == nil {
			all[p.Name] = &api.Cluster{}
		}
	}
	return all
}
