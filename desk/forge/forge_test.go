package forge_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
	standin "github.com/bulla-dev/bulla/fixtures/forge"
)

func open(t *testing.T, s *standin.StandIn) (*forge.Forge, forge.Place) {
	t.Helper()
	env := s.Env()
	at, err := forge.Find(forge.Asked{Kind: s.Kind}, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	f, err := forge.New(at)
	if err != nil {
		t.Fatal(err)
	}
	return f, at
}

func start(t *testing.T, kind string) *standin.StandIn {
	t.Helper()
	s := standin.New(kind)
	t.Cleanup(s.Close)
	return s
}

func each(t *testing.T, test func(t *testing.T, s *standin.StandIn)) {
	for _, kind := range standin.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, kind))
		})
	}
}

// TestOneCommentIsKept: it is made once, and edited from then on, wherever it stands.
func TestOneCommentIsKept(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, at := open(t, s)
		s.Begin([]standin.Comment{{ID: 1, Author: "ann", Body: "hello"},
			{ID: 2, Author: "bob", Body: "hi"}, {ID: 3, Author: "ann", Body: "well"}})
		for i := range 3 {
			if err := f.Comment(t.Context(), fmt.Sprintf("%s\nplan %d", at.Marker(), i)); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.Comments()) != 4 || s.Comments()[3].Body != at.Marker()+"\nplan 2" {
			t.Errorf("comments: %+v", s.Comments())
		}
		if told := s.Told(); len(told) != 3 || !strings.HasPrefix(told[0], "POST ") || strings.HasPrefix(told[1], "POST ") {
			t.Errorf("asked %q", told)
		}
	})
}

// TestAStrangersCommentIsNotOurs: neither one with the marker by somebody else, nor one of
// ours that only quotes it.
func TestAStrangersCommentIsNotOurs(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, at := open(t, s)
		s.Begin([]standin.Comment{{ID: 1, Author: "mallory", Body: at.Marker() + "\nno changes"},
			{ID: 2, Author: "bulla-bot", Body: "> " + at.Marker()},
			{ID: 3, Author: "bulla-bot", Body: "<!-- bulla plan 0000000000000000 -->\nof another repository"}})
		if err := f.Comment(t.Context(), at.Marker()+"\nplan"); err != nil {
			t.Fatal(err)
		}
		if len(s.Comments()) != 4 || s.Comments()[0].Body != at.Marker()+"\nno changes" ||
			s.Comments()[3].Author != "bulla-bot" {
			t.Errorf("comments: %+v", s.Comments())
		}
	})
}

// TestACommentThatWentIsMadeAnew.
func TestACommentThatWentIsMadeAnew(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, at := open(t, s)
		s.Begin([]standin.Comment{{ID: 1, Author: "bulla-bot", Body: at.Marker()}})
		s.Fail = func(w http.ResponseWriter, r *http.Request) bool {
			gone := r.Method == http.MethodPatch || r.Method == http.MethodPut
			if gone {
				w.WriteHeader(http.StatusNotFound)
			}
			return gone
		}
		if err := f.Comment(t.Context(), at.Marker()+"\nplan"); err != nil || len(s.Comments()) != 2 {
			t.Errorf("%v, %+v", err, s.Comments())
		}
	})
}

// TestTheStatusOfTheCommitIsSet.
func TestTheStatusOfTheCommitIsSet(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, _ := open(t, s)
		if err := f.Status(t.Context(), forge.Failure, strings.Repeat("x", 500)); err != nil {
			t.Fatal(err)
		}
		want := "failure"
		if s.Kind == "gitlab" {
			want = "failed"
		}
		got := s.Statuses()[0]
		if got["state"] != want || len([]rune(fmt.Sprint(got["description"]))) != 140 {
			t.Errorf("%v", got)
		}
	})
}

// TestEachRefusalSaysWhatToDo, and never the token.
func TestEachRefusalSaysWhatToDo(t *testing.T) {
	hints := map[int]string{
		http.StatusUnauthorized: "is wrong, or expired", http.StatusForbidden: "may not do that: it needs",
		http.StatusNotFound: "may not see it", http.StatusConflict: "at the same time: run this again",
		http.StatusUnprocessableEntity: "the forge refuses what is asked",
		http.StatusTooManyRequests:     "run this again after 3600 seconds", http.StatusFound: "--forge-url",
		http.StatusInternalServerError: "run this again",
	}
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, at := open(t, s)
		for status, hint := range hints {
			s.Fail = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", "3600")
				w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"message": "no, %s\u001b[2J"}`, standin.Token)
				return true
			}
			err := f.Comment(t.Context(), at.Marker())
			if err == nil || !strings.Contains(fault.Hint(err), hint) || !strings.Contains(err.Error(), "pull request 7") {
				t.Errorf("%d: %v; hint: %s", status, err, fault.Hint(err))
				continue
			}
			if text := err.Error() + fault.Hint(err); strings.Contains(text, standin.Token) ||
				strings.ContainsRune(text, '\x1b') {
				t.Errorf("%d: %q", status, text)
			}
		}
	})
}

// TestAForgeThatSaysWhenIsAskedOnceMore.
func TestAForgeThatSaysWhenIsAskedOnceMore(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, at := open(t, s)
		var refused atomic.Int32
		s.Fail = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || refused.Add(1) > 1 {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		if err := f.Comment(t.Context(), at.Marker()+"\nplan"); err != nil || len(s.Comments()) != 1 ||
			s.Comments()[0].Body != at.Marker()+"\nplan" {
			t.Errorf("%v, %+v", err, s.Comments())
		}
	})
}

// TestAForgeThatHangsIsLeft.
func TestAForgeThatHangsIsLeft(t *testing.T) {
	each(t, func(t *testing.T, s *standin.StandIn) {
		f, at := open(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		s.Fail = func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		}
		err := f.Comment(ctx, at.Marker())
		if err == nil || !strings.Contains(fault.Hint(err), "cannot be reached, or does not answer") {
			t.Errorf("%v; hint: %s", err, fault.Hint(err))
		}
	})
}

// TestAJobsOwnTokenHasAName: it may not ask who it is.
func TestAJobsOwnTokenHasAName(t *testing.T) {
	s := start(t, "github")
	f, at := open(t, s)
	s.Begin([]standin.Comment{{ID: 1, Author: "github-actions[bot]", Body: at.Marker()}})
	s.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/user" {
			w.WriteHeader(http.StatusForbidden)
		}
		return r.URL.Path == "/user"
	}
	if err := f.Comment(t.Context(), at.Marker()+"\nplan"); err != nil || s.Comments()[0].Body != at.Marker()+"\nplan" {
		t.Errorf("%v, %+v", err, s.Comments())
	}
}

// TestWhereIsSaidByTheJobOrByFlags.
func TestWhereIsSaidByTheJobOrByFlags(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"pull_request": {"number": 9, "head": {"sha": "dd"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	job := map[string]string{"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF": "refs/pull/7/merge",
		"GITHUB_EVENT_PATH": event, "GITHUB_SHA": "ee", "GITHUB_SERVER_URL": "https://git.example.com"}
	for name, test := range map[string]struct {
		asked forge.Asked
		env   map[string]string
		want  string
	}{
		"github":  {forge.Asked{Kind: "github"}, job, "https://api.github.com a/b 9 dd"},
		"forgejo": {forge.Asked{Kind: "forgejo"}, job, "https://git.example.com a/b 9 dd"},
		"flags first": {forge.Asked{Kind: "gitea", Number: 3, Repository: "c/d"}, job,
			"https://git.example.com c/d 3 ."},
		"another pull request": {forge.Asked{Kind: "gitea", Number: 3}, job, "https://git.example.com a/b 3 ."},
		"another repository":   {forge.Asked{Kind: "gitea", Repository: "c/d"}, job, "https://git.example.com c/d 9 ."},
		"another head":         {forge.Asked{Kind: "gitea", Head: true}, job, "https://git.example.com a/b 9 ."},
		"the job's own, by flags": {forge.Asked{Kind: "gitea", Number: 9, Repository: "A/b"}, job,
			"https://git.example.com A/b 9 dd."},
		"a project by its path": {forge.Asked{Kind: "gitlab", Repository: "Acme/fleet"}, map[string]string{
			"GITLAB_TOKEN": "t", "CI_PROJECT_ID": "42", "CI_PROJECT_PATH": "acme/fleet", "CI_MERGE_REQUEST_IID": "7",
			"CI_COMMIT_SHA": "cc",
		}, "https://gitlab.com/api/v4 42 7 cc."},
		"no token": {forge.Asked{Kind: "gitlab"}, job, "set the environment variable GITLAB_TOKEN"},
		"no forge": {forge.Asked{Kind: "svn"}, job, "--comment takes github, gitlab, gitea, forgejo"},
		"no number": {forge.Asked{Kind: "github", Repository: "a/b"}, map[string]string{"GITHUB_TOKEN": "t"},
			"--pull-request"},
		"no path": {forge.Asked{Kind: "github", Repository: "a/../b", Number: 1}, job, "--forge-repository"},
		"in the clear": {forge.Asked{Kind: "github", URL: "http://git.example.com"}, job,
			"whoever is on the way would have the token"},
		"no address": {forge.Asked{Kind: "gitea", URL: "https://me:pw@git.example.com"}, job, "--forge-url"},
	} {
		at, err := forge.Find(test.asked, func(key string) string { return test.env[key] })
		got := fmt.Sprintf("%s %s %d %s.", at.URL, at.Repository, at.Number, at.Commit)
		if err != nil {
			got = fault.Hint(err)
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
