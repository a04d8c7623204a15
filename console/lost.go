package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/rotation"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/keyservice/client"
	kbuilt "github.com/bulla-dev/bulla/kustomize/built"
)

// lostBody is what a lost cluster could read, and what to do about it.
type lostBody struct {
	Cluster  string
	Broken   *notice
	Notices  []notice
	Building *clone.Progress
	Asked    bool
	// InFleet says why nothing can be sealed anew yet; nil where the cluster is out. Member
	// says that it can be suspended here.
	InFleet *notice
	Member  bool
	Lost    []exposure.Lost
	Pager   *pager
	toReplace
}

// toReplace is what of it is in use still.
type toReplace struct {
	// Made can be made anew by a program, People only by people.
	Made, People []toRotate
	Unknown      int
	// Parts are those of Made that one draft makes anew, Left how many it leaves for the next.
	Parts []rotation.Part
	Left  int
	// Stored are references that the draft leaves out, since the person can keep no
	// ciphertext in the store: NotKept says why.
	Stored  int
	NotKept *notice

	lost []exposure.Lost
	// taken is what the draft of Parts takes.
	taken takes
}

// toRotate are values of one file.
type toRotate struct {
	File    string
	Keys    []string
	Why     string
	ReadBy  []string
	Targets []string
	// Rotate is where new values of it begin, Change where people give them; "" of what no
	// application builds.
	Rotate, Change string
}

func (c *Console) lostCluster(w http.ResponseWriter, r *http.Request) error {
	body, err := c.readLost(r)
	if err != nil {
		return err
	}
	body.Lost, body.Pager = paged(body.Lost, r.URL.Query(), r.URL.EscapedPath(), "version")
	return c.show(w, r, page{Template: "lost.html", Title: "If " + body.Cluster + " is lost", Section: "clusters",
		Body: body})
}

// readLost reads what the log and Git say of the cluster of an address.
func (c *Console) readLost(r *http.Request) (*lostBody, error) {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	body := &lostBody{Cluster: r.PathValue("cluster")}
	log, err := c.log(ctx, s.Model.Fleet)
	if err != nil {
		body.Notices = append(body.Notices, *troubleOf("Nothing says what it opened", err))
		return body, nil //nolint:nilerr // it is shown
	}
	i, building, err := index(ctx, s)
	if err != nil {
		return nil, err
	}
	if body.Building = building; i == nil {
		return body, nil
	}
	switch err := body.ask(ctx, c, log, s, i); {
	case logbook.Broken(err):
		body = &lostBody{Cluster: body.Cluster, Broken: troubleOf("The audit log does not hold", err)}
	case errors.As(err, new(*statusError)):
		return nil, err
	case err != nil:
		body.Notices = append(body.Notices, *troubleOf("Nothing says what it opened", err))
	}
	return body, nil
}

func (b *lostBody) ask(ctx context.Context, c *Console, log *logbook.Log, s *clone.Snapshot, i *built.Index) error {
	filter := exposure.Granted
	filter.Cluster = b.Cluster
	var entries []client.AuditEntry
	if err := log.Source().Read(ctx, filter,
		func(e client.AuditEntry) error { entries = append(entries, e); return nil }); err != nil {
		return err
	}
	_, member := s.Model.Clusters[b.Cluster]
	if len(entries) == 0 && !member {
		switch named, err := exposure.Named(ctx, log.Source(), auditlog.Filter{Cluster: b.Cluster}); {
		case err != nil:
			return err
		case !named:
			var names []string
			for name := range s.Model.Clusters {
				names = append(names, name)
			}
			slices.Sort(names)
			return notFound(didYouMean(b.Cluster, names)+"the list of clusters has those of the fleet",
				"no entry of the audit log and no file in clusters/ names a cluster %q", b.Cluster)
		}
	}
	note, err := rotation.CheckGone(s.Model, b.Cluster)
	switch {
	case err != nil:
		if b.Member = member; !member {
			b.InFleet = troubleOf("Take it out first", err)
		}
	case note != "":
		b.InFleet = &notice{What: note, Tone: "warn"}
	}
	files, _ := c.stubs.Of(s.Commit, s.Tree)
	stubs, store := exposed(files), keptFor(ctx, s.Model.Fleet.Spec.ID)
	history := exposure.OpenClone(c.clone.Folder)
	b.Lost = exposure.After(exposure.Readings(entries), stubs, history,
		exposure.Kept{Fleet: s.Model.Fleet.Spec.ID, Stub: store.stub})
	for n := range b.Lost {
		b.Lost[n].Commit = history.Describe(b.Lost[n].Head)
		if b.Lost[n].State == exposure.Unknown {
			b.Unknown++
		}
	}
	if store.failed != nil {
		b.Notices = append(b.Notices, *troubleOf("Values of references count as those that were read", store.failed))
	}
	b.Asked, b.lost = true, b.Lost
	return b.decide(stubs, i, store)
}

// decide says what of it can be made anew. What nobody can compare counts as read.
func (b *lostBody) decide(stubs []exposure.Stub, i *built.Index, store *kept) error {
	cannot := sync.OnceValue(func() *notice { return cannotKeep(store.ctx, ofStored) })
	wanted, err := rotation.Wanted(b.Cluster, b.Lost, stubs, true)
	if err != nil {
		return err
	}
	for _, s := range stubs {
		fields := wanted[s.Path]
		if len(fields) == 0 {
			continue
		}
		readers := rotation.Readers(i, s.Path, s.Manifest)
		manifest := s.Manifest
		if s.Reference != nil {
			if manifest = store.stub(s.Path, s.Reference); manifest == nil {
				b.People = append(b.People, toRotate{File: s.Path, Keys: keysOf(fields), ReadBy: readers,
					Why: "its stub could not be taken from the key service's store"})
				continue
			}
		}
		recipes, err := stub.Recipes(s.Path, s.Manifest)
		if err != nil {
			b.Notices = append(b.Notices, *troubleOf("How values were made is not known", err))
			recipes = values.Recipes{}
		}
		for _, d := range rotation.Decide(manifest, recipes, fields, b.Cluster) {
			one := toRotate{File: s.Path, Keys: keysOf(d.Fields), Why: d.Why, ReadBy: readers,
				Targets: rotation.Targets(manifest.Spec.Blocks[d.Block], b.Cluster)}
			if uses := i.Uses[s.Path]; len(uses) > 0 {
				ref := sealed.Ref{Placement: uses[0].Placement, Namespace: uses[0].Namespace, Name: uses[0].Name}
				one.Rotate, one.Change = ref.Path()+"/rotate", ref.Path()+"/change"
			}
			need := takenBy(manifest, d.Block)
			if d.Why == "" && need.beyond(oneDraft) {
				one.Why = "its ciphertext is more than a browser may send at once: in a clone, `bulla rotate " + s.Path + "`"
				one.Change = ""
			}
			if one.Why != "" {
				b.People = append(b.People, one)
				continue
			}
			b.Made = append(b.Made, one)
			b.part(one, need, s.Reference, cannot)
		}
	}
	return nil
}

func keysOf(fields []string) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = kbuilt.DataKey(f)
	}
	return keys
}
