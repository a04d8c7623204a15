package sealer_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/sealing"
)

// TestSealedInABrowserOpenedByTheToken: typed, pasted, chosen as a file and generated.
// Nothing of it leaves the browser, stays in it, or stands in the page.
func TestSealedInABrowserOpenedByTheToken(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	b.Open(t, w.url)
	typed := canary.Of("typed", "typed-"+strings.Repeat("q7", 12))
	pasted, chosen := canary.New("pasted"), canary.New("chosen")
	binary := append([]byte{0, 0xFF, '\r', '\n'}, chosen.Value()...)
	file := filepath.Join(t.TempDir(), "keystore.jks")
	if err := os.WriteFile(file, binary, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Act(t, chromedp.SendKeys("#password", typed.Value()), chromedp.SetValue("#text", pasted.Value()),
		chromedp.SetUploadFiles("#file", []string{file}))
	job := newJob([]string{"password"}, []string{"store", "text"}, []string{"made"})
	job.Targets = append(job.Targets, sealer.Target{Cluster: "prod-eu", Recipient: w.cluster.Recipient()})
	job.Generate = map[string]string{"made": "32,alnum"}
	s := submit(t, b, job, map[string]string{"password": "password", "text": "text", "store": "file"}, false)
	if s.Error != "" {
		t.Fatalf("%s\n%s\n%s", s.Error, s.Hint, b.Said())
	}
	want, err := sealing.Fingerprint(w.root.Key)
	if err != nil || s.Fingerprint != want {
		t.Errorf("the page shows %s, the root key is %s, %v", s.Fingerprint, want, err)
	}
	if s.Kept != 0 {
		t.Errorf("the page still has %d bytes of values", s.Kept)
	}
	got := map[string]string{}
	for _, block := range w.blocks(t) {
		for field, value := range w.open(t, &block) {
			text, _ := base64.StdEncoding.DecodeString(value)
			got[field] = string(text)
		}
	}
	made := got["/data/made"]
	delete(got, "/data/made")
	if diff := cmp.Diff(map[string]string{"/data/password": typed.Value(), "/data/text": pasted.Value(),
		"/data/store": string(binary)}, got); diff != "" {
		t.Error(diff)
	}
	if len(made) != 32 {
		t.Errorf("generated: %d characters", len(made))
	}
	w.sweep(t, b, typed, pasted, chosen, canary.Of("generated", made))
}

// TestWhatCannotBeSealedStaysInTheBrowser: each is told, with a hint, and leaves nothing.
func TestWhatCannotBeSealedStaysInTheBrowser(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	secret := canary.New("refused")
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, append([]byte(secret.Value()), bytes.Repeat([]byte("x"), 5<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	named := func(change func(*sealer.Job)) sealer.Job {
		j := newJob([]string{"password"})
		change(&j)
		return j
	}
	for name, c := range map[string]struct {
		job    sealer.Job
		fields map[string]string
		want   string
	}{
		"5 MB":              {newJob([]string{"a"}), map[string]string{"a": "file"}, "bytes together"},
		"empty":             {newJob([]string{"a"}), map[string]string{"a": "text"}, `the value of "a" is empty`},
		"a name":            {named(func(j *sealer.Job) { j.Name = "Db" }), nil, `"Db" is no name of a Secret`},
		"a namespace":       {named(func(j *sealer.Job) { j.Namespace = "a.b" }), nil, "no name of a namespace"},
		"a key":             {newJob([]string{"a/b"}), map[string]string{"a/b": "password"}, "a key is none"},
		"a key twice":       {newJob([]string{"password"}, []string{"password"}), nil, "stands twice"},
		"no key":            {newJob(), nil, "1 values for 0 keys"},
		"no value":          {newJob([]string{"password", "other"}), nil, `the key "other" has no value`},
		"no target":         {named(func(j *sealer.Job) { j.Targets = nil }), nil, "no targets"},
		"a target's markup": {named(func(j *sealer.Job) { j.Targets[0].Set = "<script>" }), nil, "no name of a set"},
		"not vouched for": {named(func(j *sealer.Job) {
			j.Targets = []sealer.Target{{Cluster: "prod-eu", Recipient: w.cluster.Recipient(), VouchedBy: "KeyService"}}
		}), nil, "key service's word"},
		"an unknown recipe": {named(func(j *sealer.Job) {
			j.Generate = map[string]string{"b": "32,klingon"}
		}), nil, "is none of"},
		"given and made": {named(func(j *sealer.Job) {
			j.Generate = map[string]string{"password": "32,hex"}
		}), nil, "is to be generated"},
	} {
		b.Open(t, w.url)
		b.Act(t, chromedp.SetValue("#password", secret.Value()), chromedp.SetUploadFiles("#file", []string{big}))
		if c.fields == nil {
			c.fields = map[string]string{"password": "password"}
		}
		s := submit(t, b, c.job, c.fields, false)
		if !strings.Contains(s.Error, c.want) || s.Hint == "" {
			t.Errorf("%s: %q, hint %q; want %q", name, s.Error, s.Hint, c.want)
		}
	}
	if sent := w.got(); len(sent) > 0 {
		t.Errorf("the page sent %s", sent)
	}
	b.Open(t, w.url)
	w.sweep(t, b, secret)
}

// TestLineEndsOfWindowsAreTold, and sealed as they are in a file.
func TestLineEndsOfWindowsAreTold(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	b.Open(t, w.url)
	file := filepath.Join(t.TempDir(), "ini")
	if err := os.WriteFile(file, []byte("a=1\r\nb=2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Act(t, chromedp.SetUploadFiles("#file", []string{file}))
	s := submit(t, b, newJob([]string{"ini"}), map[string]string{"ini": "file"}, false)
	if !slices.ContainsFunc(s.Notes, func(n sealer.Note) bool {
		return n.Key == "ini" && strings.Contains(n.Text, "line ends of Windows")
	}) {
		t.Errorf("notes %v, %s", s.Notes, s.Error)
	}
	block := w.blocks(t)[0]
	if got := w.open(t, &block)["/data/ini"]; got != base64.StdEncoding.EncodeToString([]byte("a=1\r\nb=2\r\n")) {
		t.Errorf("sealed as %s", got)
	}
}
