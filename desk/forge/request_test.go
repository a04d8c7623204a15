package forge_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
	standin "github.com/bulla-dev/bulla/fixtures/forge"
)

// at is the repository of the stand-in, by the address of a remote.
func at(t *testing.T, s *standin.StandIn) *forge.Forge {
	t.Helper()
	env := s.Env()
	p, err := forge.FromRemote(s.URL+"/acme/fleet.git", forge.Asked{Kind: s.Kind, URL: env["GITHUB_API_URL"]},
		func(name string) string { return env[name] })
	if err != nil || p.Ready() != nil {
		t.Fatal(err, p.Ready())
	}
	f, err := forge.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var pull = forge.Pull{Branch: "bulla/payments-db", Base: "main", Title: "Rotate payments-db", Body: "the plan"}

// TestAPullRequestIsOpenedOnce: pressing again gives the one that is there, and so does a
// forge that says that there is one.
func TestAPullRequestIsOpenedOnce(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f := at(t, s)
		s.Change(func([]standin.Request) []standin.Request {
			return []standin.Request{
				{Number: 5, Branch: pull.Branch, Base: "main", State: "open", Fork: true},
				{Number: 6, Branch: pull.Branch, Base: "main", State: "closed"}}
		})
		for range 2 {
			r, err := f.OpenRequest(t.Context(), pull)
			page := map[string]string{"github": "/acme/fleet/pull/9", "gitlab": "/acme/fleet/-/merge_requests/9",
				"gitea": "/acme/fleet/pulls/9"}[s.Kind]
			if err != nil || r.Number != 9 || r.URL != s.URL+page || r.State != forge.Open || r.Branch != pull.Branch {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		if all := s.Requests(); len(all) != 3 || all[2].Title != pull.Title || all[2].Body != pull.Body ||
			all[2].Base != "main" {
			t.Errorf("%+v", all)
		}
		var asked int
		s.Fail = func(w http.ResponseWriter, r *http.Request) bool { // it was opened between the two calls
			asked++
			if asked == 1 {
				_, _ = w.Write([]byte("[]"))
			}
			return asked == 1
		}
		if r, err := f.OpenRequest(t.Context(), pull); err != nil || r.Number != 9 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestABranchThatTheForgeHasNotSeenYetIsTriedAgain: Gitea 1.24 answers 404 for a second
// after it took a push.
func TestABranchThatTheForgeHasNotSeenYetIsTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f := at(t, s)
		asked := 0
		s.Fail = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				asked++
			}
			if late := r.Method == http.MethodPost && asked == 1; late {
				w.WriteHeader(http.StatusNotFound)
				return true
			}
			return false
		}
		if r, err := f.OpenRequest(t.Context(), pull); err != nil || r.Number != 7 || asked != 2 {
			t.Errorf("%+v, %v, asked %d times", r, err, asked)
		}
	})
}

// TestWhatBecameOfAPullRequest: its state, and in words what it waits for.
func TestWhatBecameOfAPullRequest(t *testing.T) {
	hash := strings.Repeat("ab", 20)
	each(t, func(t *testing.T, s *standin.StandIn) {
		f := at(t, s)
		if _, err := f.FindRequest(t.Context(), pull.Branch); !errors.Is(err, forge.ErrNoRequest) {
			t.Errorf("none: %v", err)
		}
		blocked, approved := "blocked", "APPROVED"
		if s.Kind == "gitlab" {
			blocked = "not_approved"
		}
		for name, test := range map[string]struct {
			is   standin.Request
			want string
		}{
			"open": {standin.Request{State: "open", Check: "pending", Merging: blocked, Merge: hash}, "open  [] 0 of 1"},
			"failed": {standin.Request{State: "open", Check: "failure", Merging: "mergeable"},
				"open  [] 1 of 1 check failed"},
			"approved": {standin.Request{State: "open", Check: "success", Merging: "mergeable", Review: approved},
				"open  [rob] its check passed it can be merged"},
			"merged": {standin.Request{State: "merged", Merge: hash}, "merged " + hash},
			"closed": {standin.Request{State: "closed", Merge: hash}, "closed  []"},
			"lies":   {standin.Request{State: "merged", Merge: "--output=x"}, "merged  []"},
		} {
			s.Change(func([]standin.Request) []standin.Request {
				test.is.Number, test.is.Branch, test.is.Base, test.is.Commit = 7, pull.Branch, "main", hash
				test.is.Title = "a\x1b[2J\ntitle"
				return []standin.Request{test.is, {Number: 8, Branch: "bulla/other", State: "open"}}
			})
			r, err := f.FindRequest(t.Context(), pull.Branch)
			got := fmt.Sprintf("%s %s %v %s %s", r.State, r.MergeCommit, r.ApprovedBy, r.Checks, r.Merging)
			if err != nil || !strings.HasPrefix(got, test.want) || r.Commit != hash || r.Title != "a [2J title" {
				t.Errorf("%s: %q %q, %v", name, got, r.Title, err)
			}
		}
	})
}

// TestOpenPullRequestsOfChangesAreListed, over pages, without those of others and of forks.
func TestOpenPullRequestsOfChangesAreListed(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		s.Change(func(all []standin.Request) []standin.Request {
			for n, branch := range []string{"bulla/a", "feature", "bulla/b", "bulla/c", "bulla/fork", "bulla/done"} {
				one := standin.Request{Number: n + 1, Branch: branch, State: "open", Fork: branch == "bulla/fork"}
				if branch == "bulla/done" {
					one.State = "merged"
				}
				all = append(all, one)
			}
			return all
		})
		all, err := at(t, s).OpenRequests(t.Context(), "bulla/")
		var names []string
		for _, one := range all {
			names = append(names, one.Branch)
		}
		if err != nil || fmt.Sprint(names) != "[bulla/c bulla/b bulla/a]" {
			t.Errorf("%v, %v", names, err)
		}
	})
}

// TestAForgeThatRefusesAPullRequest: each says what to do, and never the token.
func TestAForgeThatRefusesAPullRequest(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f := at(t, s)
		for status, hint := range map[int]string{
			http.StatusUnauthorized: "is wrong, or expired", http.StatusForbidden: "may not do that",
			http.StatusNotFound: "may not see it", http.StatusConflict: "at the same time",
			http.StatusUnprocessableEntity: "the forge refuses", http.StatusTooManyRequests: "after 3600 seconds",
			http.StatusFound: "another address", http.StatusBadGateway: "run this again",
		} {
			s.Fail = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet && status != http.StatusUnauthorized {
					return false
				}
				w.Header().Set("Retry-After", "3600")
				w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"message": "no, %s\u001b[2J"}`, standin.Token)
				return true
			}
			_, err := f.OpenRequest(t.Context(), pull)
			if err == nil || !strings.Contains(fault.Hint(err), hint) || strings.Contains(fault.Line(err), standin.Token) ||
				strings.Contains(fault.Line(err), "\x1b") || strings.Contains(err.Error(), "pull request 0") {
				t.Errorf("%d: %v; %s", status, err, fault.Hint(err))
			}
		}
	})
}
