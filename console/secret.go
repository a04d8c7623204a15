package console

import (
	"net/http"
	"strings"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/console/standing"
	"github.com/bulla-dev/bulla/desk/ledger"
)

// secretsBody is the list of sealed objects.
type secretsBody struct {
	Query    string
	Building *clone.Progress
	Notices  []notice
	Rows     []sealedRow
	All      int
	Pager    *pager
}

// sealedRow is one of them, with how many clusters stand how.
type sealedRow struct {
	sealed.Secret
	Clusters int
	States   []stateCount
}

type stateCount struct {
	State string
	Count int
}

func (c *Console) secrets(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := c.view(r, "", "")
	if err != nil {
		return err
	}
	s, status := v.Snapshot, v.Fleet.Status
	body := &secretsBody{Query: strings.TrimSpace(r.URL.Query().Get("q")), Notices: v.Notices}
	i, building, err := index(ctx, s)
	if err != nil {
		return err
	}
	if body.Building = building; i != nil {
		all, unreadable := c.sealedObjects(s, i)
		for _, u := range unreadable {
			body.Notices = append(body.Notices, notice{What: "A sealed file cannot be read: " + u.Err.Error(), Where: u.Path,
				Do: "`bulla validate` says what is wrong with it; no page counts it"})
		}
		body.All = len(all)
		var found []sealed.Secret
		for _, one := range all {
			if body.Query == "" || one.Matches(body.Query) {
				found = append(found, one)
			}
		}
		found, body.Pager = paged(found, r.URL.Query(), "/secrets", "secret")
		states := countStates(status, found)
		for _, one := range found {
			row := sealedRow{Secret: one, States: states[one.Ref]}
			for _, p := range one.Parts {
				row.Clusters += len(s.Model.Got(one.Placement, p.Variant))
			}
			body.Rows = append(body.Rows, row)
		}
	}
	return c.show(w, r, page{Template: "secrets.html", Title: "Secrets", Section: "secrets", Body: body})
}

// countStates counts what clusters say of each object, in the order of a secret's life.
func countStates(status *ledger.Status, of []sealed.Secret) map[sealed.Ref][]stateCount {
	counts := map[sealed.Ref][]stateCount{}
	if status == nil {
		return counts
	}
	all := map[sealed.Ref]map[string]int{}
	for _, one := range of {
		all[one.Ref] = map[string]int{}
	}
	order := []string{"Configured", "Provisioned", "In use", "Unknown"}
	for _, cluster := range status.Clusters {
		for _, secret := range cluster.Secrets {
			ref := sealed.Ref{Placement: secret.Placement, Namespace: secret.Namespace, Name: secret.Name}
			if states := all[ref]; states != nil {
				states[sealed.InWords(secret.State)]++
			}
		}
	}
	for ref, states := range all {
		for _, state := range order {
			if states[state] > 0 {
				counts[ref] = append(counts[ref], stateCount{state, states[state]})
			}
		}
	}
	return counts
}

// secretBody is one sealed object.
type secretBody struct {
	sealed.Secret
	Building *clone.Progress
	Notices  []notice
	Clusters []sealed.Group
	Denied   []ledger.Denial
	Files    []*sealed.Told
	UsedBy   []usedBy
	// Actions are what a person can begin here, as far as it is served.
	Actions  []action
	Recovery int
}

// usedBy is a workload, and on how many clusters it says that it uses the object.
type usedBy struct {
	Workload string
	Clusters int
	// InGit: the placement builds it.
	InGit bool
}

func (c *Console) secret(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := c.view(r, "", r.PathValue("placement"))
	if err != nil {
		return err
	}
	s, status := v.Snapshot, v.Fleet.Status
	ref := sealed.Ref{Placement: r.PathValue("placement"), Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	body := &secretBody{Secret: sealed.Secret{Ref: ref}, Notices: v.Notices}
	shown := page{Template: "secret.html", Title: ref.Object(), Section: "secrets", Body: body}
	i, building, err := index(ctx, s)
	if err != nil {
		return err
	}
	if body.Building = building; i == nil {
		return c.show(w, r, shown)
	}
	all, _ := c.sealedObjects(s, i)
	found, ok := sealed.Find(all, ref)
	if !ok {
		return unknownSecret(all, ref, i.Failed[ref.Placement])
	}
	body.Actions = actions(ref)
	body.Secret, body.Recovery = found, len(s.Model.Fleet.Spec.RecoveryRecipients)
	store := keptFor(ctx, s.Model.Fleet.Spec.ID)
	body.Clusters = sealed.Standing(s.Model, found, status, store.stub)
	if store.failed != nil {
		body.Notices = append(body.Notices, *troubleOf("Under which key a reference opens is not shown", store.failed))
	}
	body.Denied = sealed.Denials(found, status)
	body.UsedBy = users(found, status)
	for _, part := range found.Parts {
		told, err := sealed.Tell(ctx, clone.History{Snapshot: s}, s.Model.Fleet.Spec.ID, part)
		if err != nil {
			body.Notices = append(body.Notices, *troubleOf("The history of "+part.Path+" is not shown", err))
			continue
		}
		if told.BadRecipes != nil {
			body.Notices = append(body.Notices, *troubleOf("How values were made is not shown", told.BadRecipes))
		}
		body.Files = append(body.Files, told)
	}
	return c.show(w, r, shown)
}

// action is a page where something begins.
type action struct{ Label, Path string }

func actions(ref sealed.Ref) []action {
	return []action{{"Change a value", ref.Path() + "/change"}, {"Rotate", ref.Path() + "/rotate"},
		{"Add or remove a cluster", ref.Path() + "/clusters"}, {"Take it away", ref.Path() + "/retire"}}
}

func unknownSecret(all []sealed.Secret, ref sealed.Ref, broken error) error {
	if broken != nil {
		return notFound("mend the application; `bulla validate` and its page say what is wrong",
			"application %q does not build, so nobody can say whether it has %s", ref.Placement, ref.Object())
	}
	var names []string
	for _, one := range all {
		names = append(names, one.Placement+"/"+one.Object())
	}
	return notFound(didYouMean(ref.Placement+"/"+ref.Object(), names)+"the list of secrets has all that placements build",
		"no application builds a sealed object %s/%s", ref.Placement, ref.Object())
}

// users are the workloads that name an object in Git, and those that clusters say use it.
func users(s sealed.Secret, status *ledger.Status) []usedBy {
	var all []usedBy
	at := map[string]int{}
	for _, reader := range s.Readers {
		at[reader] = len(all)
		all = append(all, usedBy{Workload: reader, InGit: true})
	}
	if status == nil {
		return all
	}
	for _, cluster := range status.Clusters {
		for _, secret := range cluster.Secrets {
			if secret.Placement != s.Ref.Placement || secret.Namespace != s.Namespace || secret.Name != s.Name {
				continue
			}
			for _, workload := range secret.Workloads {
				name := standing.InNamespace(workload, s.Namespace)
				i, known := at[name]
				if !known {
					i, at[name] = len(all), len(all)
					all = append(all, usedBy{Workload: name})
				}
				all[i].Clusters++
			}
		}
	}
	return all
}
