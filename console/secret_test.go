package console

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
)

const dbPage = "/secrets/app/app/db"

func TestASecretsPageSaysWhereItIsAndForWhomItOpens(t *testing.T) {
	w := newSealedWorld(t)
	now := time.Now().UnixMicro()
	w.service.ledger.Clusters = []*keyservicev1.LedgerCluster{{Cluster: "one", Member: true, Reported: now,
		Secrets: []*keyservicev1.LedgerSecret{{PlacedDigest: w.digest, Since: now, Reported: now,
			Secret: &keyservicev1.SecretReport{Placement: "app", Namespace: "app", Name: "db", Digest: w.digest,
				State: keyservicev1.SecretState_SECRET_STATE_IN_USE, Workloads: []string{"Deployment/api"}}}}}}
	w.shows(dbPage, http.StatusOK, "In use</span>", "Configured</span>", "Allowed</span>", "set/stores",
		w.spec.SealingKeys[0].ID, "Deployment app/api", "by a program: <code>32,alnum</code>", "by hand",
		"Ada Developer", ">begin<", dbFile, "!Refused</span>")
	w.shows("/secrets", http.StatusOK, dbPage, "Deployment app/api", "password", "In use</span>")
	w.shows("/secrets?q=PASSWORD", http.StatusOK, dbPage)
	w.shows("/secrets?q=nowhere", http.StatusOK, "!"+dbPage, "No secret has that")
	w.shows("/secrets/app/app/bd", http.StatusNotFound, "did you mean app/app/db?")
}

// TestANewLockIsNoNewValue: the age of a value is that of its payload.
func TestANewLockIsNoNewValue(t *testing.T) {
	w := newSealedWorld(t)
	data, err := w.console.clone.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old, err := data.Tree.ReadFile(dbFile)
	if err != nil {
		t.Fatal(err)
	}
	relocked := strings.ReplaceAll(string(old), "target: set/stores", "target: set/others")
	if relocked == string(old) {
		t.Fatal("the stub is not locked for the set")
	}
	w.repo.Commit(t, "lock it for others", testfleet.Files{dbFile: relocked})
	page := w.shows(dbPage, http.StatusOK, "lock it for others", "no lock names the cluster", "Refused</span>")
	values, _, _ := strings.Cut(page, "What changed the file")
	if strings.Contains(values, "lock it for others") {
		t.Error("a new lock is told as a new value")
	}
	w.repo.Commit(t, "seal them anew",
		testfleet.Files{dbFile: w.stub(t, map[string]string{"user": "x", "password": "y"})})
	page = w.shows(dbPage, http.StatusOK, "Allowed</span>")
	values, _, _ = strings.Cut(page, "What changed the file")
	if strings.Count(values, "seal them anew") != 2 {
		t.Errorf("new values are not told as such:\n%s", values)
	}
}

func TestASuspendedClusterOpensNothing(t *testing.T) {
	w := newSealedWorld(t)
	w.repo.Commit(t, "suspend", testfleet.Files{"clusters/one.yaml": clusterFile(t, "one") + "  suspend: true\n"})
	w.shows(dbPage, http.StatusOK, "suspended in Git", "Refused</span>", "Allowed</span>")
}

func TestWhatIsDeniedIsToldFirst(t *testing.T) {
	w := newSealedWorld(t)
	w.service.ledger.Denials = []*keyservicev1.Denial{{Id: 4, Placement: "app", Reason: "stolen", Person: "olga",
		Since: time.Now().UnixMicro(), Until: time.Now().Add(time.Hour).UnixMicro()}}
	w.shows(dbPage, http.StatusOK, "Denied by <bdi>olga</bdi>", "stolen", "bulla deny lift 4")
}

func TestTheLogSaysWhoCouldReadIt(t *testing.T) {
	w := newSealedWorld(t)
	w.granted("one", time.Now().Add(-time.Hour))
	w.shows("/who", http.StatusOK, `<option value="app/db">`)
	w.shows("/who?object=app/db", http.StatusOK, "/lost/one", "(current)", "<bdi>two</bdi>")
	w.shows("/who?object=app/bd", http.StatusNotFound, "did you mean app/db?")
	w.shows("/who?object=db", http.StatusBadRequest, "namespace/name")
	w.shows("/audit", http.StatusOK, "Unseal", "Unseals per day", "As numbers", "/who?object=app%2fdb")
	w.shows("/audit?kind=Unsael", http.StatusBadRequest, "did you mean Unseal?")
	w.shows("/audit?cluster=nobody", http.StatusOK, "No entry is like that", "!/who?object=app")
}

// TestALogThatDoesNotHoldShowsNothing: it is told before anything else.
func TestALogThatDoesNotHoldShowsNothing(t *testing.T) {
	w := newSealedWorld(t)
	w.granted("one", time.Now().Add(-time.Hour))
	w.service.forged = true
	for _, path := range []string{"/audit", "/who?object=app/db", "/lost/one", "/enrolment"} {
		w.shows(path, http.StatusOK, "does not hold", "cannot be believed", "!<table>", "!<form")
	}
	w.shows("/keys", http.StatusOK, "does not hold")
}

func TestALogUnderAKeyThatNobodyVouchesForIsNotRead(t *testing.T) {
	w := newSealedWorld(t)
	other := testfleet.NewRoot(t)
	w.console.rootKey = func(f *api.Fleet) (string, error) { return "", sealing.VerifyFleet(&f.Spec, other.Key) }
	w.console.books = logbook.New(w.console.rootKey, nil)
	w.granted("one", time.Now())
	for _, path := range []string{"/audit", "/who?object=app/db", "/lost/one"} {
		w.shows(path, http.StatusOK, "!<tbody>", "problem", "signature")
	}
}

func TestTheLogIsPagedFromItsEnd(t *testing.T) {
	w := newSealedWorld(t)
	for i := range 130 {
		w.granted(fmt.Sprintf("c%03d", i), time.Now().Add(time.Duration(i-200)*time.Second))
	}
	w.shows("/audit", http.StatusOK, "<bdi>c129</bdi>", "<bdi>c080</bdi>", "!<bdi>c079</bdi>", "before=80", "130 entries")
	w.shows("/audit?before=80", http.StatusOK, "<bdi>c079</bdi>", "<bdi>c030</bdi>", "!<bdi>c029</bdi>", "!Unseals per")
	w.shows("/audit?cluster=c003", http.StatusOK, "<bdi>c003</bdi>", "!<bdi>c004</bdi>", "!rel=\"next\"")
}

func TestALostClusterSaysWhatToReplace(t *testing.T) {
	w := newSealedWorld(t)
	w.granted("one", time.Now().Add(-time.Hour))
	w.shows("/lost/one", http.StatusOK, "is in the fleet: what is sealed anew", `<a href="/clusters/one">`, "app/db",
		"in use as it was", "bulla rotate --exposed <bdi>one</bdi>", "nothing says how it was made", "Deployment app/api")
	w.repo.Remove(t, "clusters/one.yaml")
	w.repo.Commit(t, "stolen", nil)
	w.shows("/lost/one", http.StatusOK, "!is in the fleet", `!<a href="/clusters/one">`)
	w.shows("/lost/two", http.StatusOK, "It opened nothing")
	w.shows("/lost/tow", http.StatusNotFound, "did you mean two?")
}

func TestTheKeysSayWhatHangsOnThem(t *testing.T) {
	w := newSealedWorld(t)
	w.granted("one", time.Now().Add(-time.Hour))
	print, err := sealing.Fingerprint(w.root.Key)
	if err != nil {
		t.Fatal(err)
	}
	var whole strings.Builder // a part of it can be met by trying
	for i, digit := range strings.TrimPrefix(print, "sha256:") {
		if i > 0 && i%4 == 0 {
			whole.WriteByte(' ')
		}
		whole.WriteRune(digit)
	}
	w.shows("/keys", http.StatusOK, w.spec.SealingKeys[0].ID, "Active</span>", "2 in 1 stub, of 1 application",
		"Used last", "Locks opened per day", "Ada Developer", whole.String())
	next := w.spec
	next.Serial, next.SealingKeys = 2, append([]api.SealingKey{}, w.spec.SealingKeys...)
	next.SealingKeys[0].Status = api.KeySuperseded
	key, err := softkey.Derive(api.SuiteHybrid, "another")
	if err != nil {
		t.Fatal(err)
	}
	next.SealingKeys = append(next.SealingKeys, key.Record("2027-01-a"))
	w.repo.Commit(t, "rotate the key", testfleet.Files{"fleet.yaml": w.root.File(t, &next)})
	w.shows("/keys", http.StatusOK, "1 stub needs it still", "bulla reseal", "2027-01-a", "Late</span>")
}

func TestWhatEnrolledIsShownWithWhatToCompare(t *testing.T) {
	w := newSealedWorld(t)
	identity, err := softkey.NewIdentity("three")
	if err != nil {
		t.Fatal(err)
	}
	enrol := func(name string) {
		sum := sha256.Sum256([]byte("key of " + name))
		w.service.log.Record(audit.Entry{Time: time.Now().UTC().Truncate(time.Microsecond), Kind: audit.Enrol,
			Outcome: audit.Done, Fleet: w.root.ID, Cluster: name, Identity: "sha256:" + hex.EncodeToString(sum[:]),
			Recipient: identity.Recipient()})
	}
	enrol("three")
	w.shows("/enrolment", http.StatusOK, "bulla cluster add --enrolled three", "None: each cluster", "None was made")
	enrol("tree") // with the same recipient
	enrol("two")  // has another key in its file
	w.repo.Commit(t, "vouch not",
		testfleet.Files{"clusters/four.yaml": clusterFile(t, "four") + "  vouchedBy: KeyService\n"})
	w.shows("/enrolment", http.StatusOK, "has the same key", "--rebuilt", "bulla cluster vouch four")
}

// TestWhoMayNotIsToldWhy: each page says so, shows what Git says, and claims nothing.
func TestWhoMayNotIsToldWhy(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(w *sealedWorld)
		says  string
	}{
		"not logged in": {func(w *sealedWorld) {
			w.person = Person{Name: "Ann", NotAsked: fault.New("run `bulla login`", "no login for this fleet")}
		}, "no login for this fleet"},
		"not allowed": {func(w *sealedWorld) {
			w.service.err = &client.DeniedError{Reason: keyservicev1.ReasonRole, Needed: "auditor,operator",
				Had: "developer"}
			w.service.refuse = w.service.err
		}, "auditor or operator"},
		"unreachable": {func(w *sealedWorld) {
			w.service.err = &client.UnavailableError{Err: errors.New("connection refused")}
			w.service.refuse = w.service.err
		}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSealedWorld(t)
			test.spoil(w)
			for _, path := range []string{"/audit", "/who?object=app/db", "/lost/one", "/enrolment", "/keys", dbPage,
				"/secrets"} {
				w.shows(path, http.StatusOK, test.says, "problem", "!It opened nothing", "!No cluster opened it", "!In use</span>",
					"!No entry is like that")
			}
		})
	}
}

func TestNamesOfStrangersAreTexts(t *testing.T) {
	w := newSealedWorld(t)
	const bad = "<script>alert(1)</script>'; DROP TABLE x;--\u202e"
	w.granted("one", time.Now(), func(e *audit.Entry) {
		e.Cluster, e.Detail, e.Person = "", bad, bad
	})
	q := url.QueryEscape(bad)
	for path, status := range map[string]int{
		"/audit": 200, "/audit?person=" + q: 200, "/who?object=a%2F" + strings.ReplaceAll(q, "%2F", ""): 404,
		"/lost/" + url.PathEscape(bad): 404, "/secrets?q=" + q: 200, "/secrets/" + url.PathEscape(bad) + "/a/b": 404,
		"/audit?kind=" + q: 400, "/audit?days=" + q: 400, "/audit?before=" + q: 200, "/secrets?from=" + q: 200,
	} {
		w.shows(path, status, "!<script>alert", "!\u202e")
	}
}

func TestNoPageOfSecretsHasAValue(t *testing.T) {
	example := testfleet.Hostile()
	w := exampleWorld(t, example)
	w.console.rootKey = func(*api.Fleet) (string, error) { return "", errors.New("no root key is pinned") }
	w.console.books = logbook.New(w.console.rootKey, nil)
	w.login(&said{ledger: w.reported()})
	var all strings.Builder
	paths := []string{"/secrets", "/keys", "/enrolment", "/audit", "/who", "/lost/store-001"}
	for _, s := range example.Stubs {
		paths = append(paths, "/secrets/"+s.Placement+"/"+s.BuiltNamespace+"/"+s.BuiltName)
	}
	for _, path := range paths {
		all.WriteString(w.shows(path, http.StatusOK))
	}
	canary.Check(t, example.Canaries(), canary.Bytes("pages", []byte(all.String())))
}

// TestASecretLeadsToWhatChangesIt, and a lost cluster to what rotates it.
func TestASecretLeadsToWhatChangesIt(t *testing.T) {
	w := newSealedWorld(t)
	w.granted("one", time.Now())
	w.shows(dbPage, http.StatusOK, dbPage+"/change", dbPage+"/rotate", dbPage+"/clusters", dbPage+"/retire")
	w.shows("/lost/one", http.StatusOK, dbPage+"/rotate")
}

// TestAReferenceIsShownAsAStubIs: its keys are known where the store gives its stub.
func TestAReferenceIsShownAsAStubIs(t *testing.T) {
	w := newSealedWorld(t)
	r, data := w.refer()
	w.shows(dbPage, http.StatusOK, dbPage+"/change", dbPage+"/rotate", dbPage+"/clusters", dbPage+"/retire",
		"SealedReference", "Allowed</span>", "set/stores", "password",
		"Under which key a reference opens is not shown", "!<code><bdi>"+w.spec.SealingKeys[0].ID)
	w.service.stored = map[string][]byte{r.Spec.Stub.Digest: data}
	page := w.shows(dbPage, http.StatusOK, "Allowed</span>", w.spec.SealingKeys[0].ID, "!is not shown")
	if values, _, _ := strings.Cut(page, "What changed the file"); strings.Contains(values, "keep it in the store") {
		t.Error("a value that was moved to the store is told as a new one")
	}
	w.service.stored[r.Spec.Stub.Digest] = append(data, '\n')
	w.shows(dbPage, http.StatusOK, "Under which key a reference opens is not shown",
		"!<code><bdi>"+w.spec.SealingKeys[0].ID)
}

// TestWhoSealedAValueIsNamed, and who merged it beside them.
func TestWhoSealedAValueIsNamed(t *testing.T) {
	w := newSealedWorld(t)
	w.repo.Git(t, "checkout", "-q", "-b", "change")
	another := w.stub(t, map[string]string{"user": "x", "password": "y"})
	w.repo.Commit(t, "another password", testfleet.Files{dbFile: another})
	w.repo.Git(t, "commit", "-q", "--amend", "--no-edit", "--author", "Sara <b>Sealer <sara@acme.example>")
	w.repo.Git(t, "checkout", "-q", "main")
	w.repo.Git(t, "-c", "user.name=Mia Merger", "-c", "user.email=mia@acme.example", "merge", "-q", "--no-ff", "-m",
		"Merge branch change", "change")
	page := w.shows(dbPage, http.StatusOK, "merged by <bdi>Mia Merger</bdi>", "!<b>Sealer")
	values, _, _ := strings.Cut(page, "What changed the file")
	if !strings.Contains(values, "<bdi>Sara") || !strings.Contains(values, "another password") ||
		strings.Contains(values, "Merge branch change") {
		t.Error(values)
	}
}

func TestALongListHasPages(t *testing.T) {
	w := newSealedWorld(t)
	files := testfleet.Files{}
	for i := range 60 {
		files[fmt.Sprintf("apps/app/more-%02d.yaml", i)] = testfleet.Stub(fmt.Sprintf("more-%02d", i))
	}
	w.repo.Commit(t, "many", files)
	wait.Until(t, "all are built", func() bool { // no page waits for a build
		return strings.Contains(w.get("/secrets").Body.String(), "of 61")
	})
	w.shows("/secrets", http.StatusOK, "1 to 50 of 61 secrets", "from=50", "more-48<", "!more-49<")
	w.shows("/secrets?from=50", http.StatusOK, "51 to 61 of 61", "more-59<", "!more-48<")
	w.shows("/secrets?from=50&q=more", http.StatusOK, "51 to 60 of 60", "/secrets?from=0&amp;q=more")
	w.shows("/secrets?from=9999999", http.StatusOK, "51 to 61 of 61")
}
