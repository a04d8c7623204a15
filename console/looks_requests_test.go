package console_test

import (
	"testing"

	"github.com/bulla-dev/bulla/console"
	standin "github.com/bulla-dev/bulla/fixtures/forge"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// TestPagesOfRequestsCanBeUsedByEverybody: with none, at a forge, from Git alone, and on
// the way to clusters.
func TestPagesOfRequestsCanBeUsedByEverybody(t *testing.T) {
	const at = "/requests/bulla/a"
	t.Run("none", func(t *testing.T) {
		console.LookAt(t, askingFor(t, nil).pages, "none", map[string]string{"requests": "/requests"})
	})
	t.Run("from Git alone", func(t *testing.T) {
		a := askingFor(t, nil)
		a.propose(a.commit("a"), "bulla/a")
		console.LookAt(t, a.pages, "git", map[string]string{"requests": "/requests", "request": at})
	})
	t.Run("at a forge, then on the way", func(t *testing.T) {
		s := standin.New("gitlab")
		defer s.Close()
		a := askingFor(t, s)
		commit := a.commit("a")
		a.propose(commit, "bulla/a")
		a.propose(a.commit("b which has a much longer title than others have, as people write them"), "bulla/b")
		console.LookAt(t, a.pages, "forge", map[string]string{"requests": "/requests", "request": at})

		_, err := a.repo.Git("merge", "--quiet", "--no-ff", "--no-edit", commit)
		a.must(err)
		merged, err := a.repo.Git("rev-parse", "HEAD")
		a.must(err)
		_, err = a.repo.Push()
		a.must(err)
		s.Change(func(all []standin.Request) []standin.Request {
			all[0].State, all[0].Merge = "merged", merged
			return all
		})
		a.person.Service = &ledger{says: &keyservicev1.ListLedgerResponse{Head: merged,
			Placements: []*keyservicev1.LedgerPlacement{{Placement: "app", Clusters: []string{"prod-eu", "prod-us"}}},
			Clusters: []*keyservicev1.LedgerCluster{{Cluster: "prod-eu", Head: merged, Member: true,
				Secrets: []*keyservicev1.LedgerSecret{{PlacedDigest: "sha256:new", Secret: &keyservicev1.SecretReport{
					Placement: "app", Digest: "sha256:new", State: keyservicev1.SecretState_SECRET_STATE_IN_USE}}}},
				{Cluster: "prod-us", Member: true}}}}
		a.shows(at, "Delivering: 1 of 2 clusters have it.")
		console.LookAt(t, a.pages, "delivering", map[string]string{"request": at})
	})
}

// TestPagesOfTheWizardCanBeUsedByEverybody: each of its steps, and what goes with an application.
func TestPagesOfTheWizardCanBeUsedByEverybody(t *testing.T) {
	_, _, c := startWizard(t, "")
	const chosen = "/new?application=app&shape=password&name=payments-db&keys=password&way=env&workload=Deployment%2Fapi"
	console.LookAt(t, c.Handler(), "wizard", map[string]string{"new-application": "/new", "new-values": chosen + "&step=1",
		"new-delivery": chosen + "&step=2", "new-clusters": chosen + "&step=3", "retire": "/applications/app/retire"})
}
