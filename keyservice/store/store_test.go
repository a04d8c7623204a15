package store_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

const fleet = "00112233445566778899aabbccddeeff"

func open(t *testing.T, path string) *store.DB {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestHeadsGoForwardOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%20?c.db")
	s := open(t, path)
	ctx := t.Context()
	if _, err := s.LastHead(ctx, fleet, "main"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("empty store: %v, want ErrNotFound", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	first := store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now}
	second := store.Head{Fleet: fleet, Ref: "main", Hash: "b2", Parent: "a1", Accepted: now}
	for _, h := range []store.Head{first, second} {
		if err := s.Do(ctx, s.AddHead(h)); err != nil {
			t.Fatal(err)
		}
	}
	fork := store.Head{Fleet: fleet, Ref: "main", Hash: "c3", Parent: "a1", Accepted: now}
	if err := s.Do(ctx, s.AddHead(fork)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("fork: %v, want ErrHeadMoved", err)
	}
	s.Close()
	got, err := open(t, path).LastHead(ctx, fleet, "main")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(second, got); diff != "" {
		t.Fatalf("after reopening (-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestATokenIsSpentOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	ctx := t.Context()
	now := time.Now()
	token, challenge := sha256.Sum256([]byte("secret")), sha256.Sum256([]byte("nonce"))
	if err := s.Do(ctx, s.AddToken(store.Token{Hash: token, Fleet: fleet, Cluster: "prod-eu", Created: now, Expires: now.Add(time.Hour)})); err != nil {
		t.Fatal(err)
	}
	begin := func() {
		t.Helper()
		e, err := s.BeginEnrolment(ctx, token, store.Enrolment{PublicKey: []byte("spki"), Recipient: "age1pq1x", Challenge: challenge}, now)
		if err != nil {
			t.Fatal(err)
		}
		if e.Cluster != "prod-eu" || e.Fleet != fleet {
			t.Fatalf("enrolment is for %q of %q", e.Cluster, e.Fleet)
		}
	}
	begin()
	if _, err := s.AnswerEnrolment(ctx, token, sha256.Sum256([]byte("guess")), now); !errors.Is(err, store.ErrToken) {
		t.Fatalf("wrong answer: %v, want ErrToken", err)
	}
	if _, err := s.AnswerEnrolment(ctx, token, challenge, now); !errors.Is(err, store.ErrToken) {
		t.Fatalf("right answer after a wrong one: %v, want ErrToken", err)
	}
	begin()
	if _, err := s.AnswerEnrolment(ctx, token, challenge, now.Add(2*time.Hour)); !errors.Is(err, store.ErrToken) {
		t.Fatalf("after expiry: %v, want ErrToken", err)
	}
	// Many at once: exactly one spends it.
	var wins sync.Map
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			c := store.Certificate{Serial: string(rune('a' + i)), Fleet: fleet, Cluster: "prod-eu", Identity: "sha256:x", NotBefore: now, NotAfter: now.Add(time.Hour)}
			if err := s.Do(ctx, s.CompleteEnrolment(token, challenge, c, now)); err == nil {
				wins.Store(i, true)
			} else if !errors.Is(err, store.ErrToken) {
				t.Errorf("complete: %v", err)
			}
		})
	}
	group.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Fatalf("%d requests spent the token, want 1", n)
	}
	if _, err := s.BeginEnrolment(ctx, token, store.Enrolment{}, now); !errors.Is(err, store.ErrToken) {
		t.Fatalf("spent token: %v, want ErrToken", err)
	}
	names, err := s.Enrolled(ctx, fleet, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prod-eu"}, names); diff != "" {
		t.Fatal(diff)
	}
}

func TestDigestsEverPlacedAreRemembered(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	ctx := t.Context()
	for _, head := range []string{"a1", "b2"} {
		if err := s.AddPlaced(ctx, fleet, "prod-eu", head, []string{"sha256:x", "sha256:y"}); err != nil {
			t.Fatal(err)
		}
	}
	for digest, want := range map[string]bool{"sha256:x": true, "sha256:z": false} {
		if got, err := s.WasPlaced(ctx, fleet, "prod-eu", digest); err != nil || got != want {
			t.Errorf("WasPlaced(%q) = %v, %v; want %v", digest, got, err, want)
		}
	}
	if got, err := s.WasPlaced(ctx, fleet, "prod-us", "sha256:x"); err != nil || got {
		t.Errorf("WasPlaced on another cluster = %v, %v", got, err)
	}
}

func TestAnOperatorsWordAboutHistoryCountsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	ctx := t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	word := store.Rewrite{Fleet: fleet, Ref: "main", From: "a1", To: "c3", By: "olga", Accepted: now}
	if err := s.Do(ctx, s.AddRewrite(word)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("before the first head: %v, want ErrHeadMoved", err)
	}
	if err := s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now})); err != nil {
		t.Fatal(err)
	}
	stale := word
	stale.From = "b2"
	if err := s.Do(ctx, s.AddRewrite(stale)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("about another head: %v, want ErrHeadMoved", err)
	}
	mistake := word
	mistake.To = "d4"
	for _, r := range []store.Rewrite{mistake, word} {
		if err := s.Do(ctx, s.AddRewrite(r)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, path)
	got, err := s.OpenRewrite(ctx, fleet, "main", "a1")
	if diff := cmp.Diff(word, got); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := s.OpenRewrite(ctx, fleet, "other", "a1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("another ref: %v", err)
	}
	if err := s.Do(ctx, s.SpendRewrite(mistake, now)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("the older word: %v, want ErrHeadMoved", err)
	}
	head := store.Head{Fleet: fleet, Ref: "main", Hash: "c3", Parent: "b2", Accepted: now}
	if err := s.Do(ctx, s.SpendRewrite(word, now), s.AddHead(head)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("together with a head that does not follow: %v", err)
	}
	if _, err := s.OpenRewrite(ctx, fleet, "main", "a1"); err != nil {
		t.Fatalf("spent without its head: %v", err)
	}
	head.Parent = "a1"
	if err := s.Do(ctx, s.SpendRewrite(word, now), s.AddHead(head)); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(ctx, s.SpendRewrite(word, now)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("a second time: %v, want ErrHeadMoved", err)
	}
	if _, err := s.OpenRewrite(ctx, fleet, "main", "a1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("after it was spent: %v, want ErrNotFound", err)
	}
}
