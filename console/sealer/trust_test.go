package sealer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestAPageSealsToNoKeysButThoseOfTheRoot: whoever chooses the keys reads the values,
// and the server that gives the page could.
func TestAPageSealsToNoKeysButThoseOfTheRoot(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	good, root := w.spec, w.root
	stranger, err := softkey.NewIdentity("stranger")
	if err != nil {
		t.Fatal(err)
	}
	secret := canary.New("not for strangers")
	try := func() said {
		b.Open(t, w.url)
		b.Act(t, chromedp.SetValue("#password", secret.Value()))
		return submit(t, b, newJob([]string{"password"}), map[string]string{"password": "password"}, false)
	}
	refused := func(what, want string) {
		t.Helper()
		if s := try(); !strings.Contains(s.Error, want) || s.Hint == "" {
			t.Errorf("%s: %q, hint %q; want %q", what, s.Error, s.Hint, want)
		}
	}
	w.change(func() {
		w.spec.RecoveryRecipients = append([]string{stranger.Recipient()}, good.RecoveryRecipients...)
	})
	refused("one more recovery recipient", "does not verify")
	w.change(func() {
		w.spec = good
		w.spec.Signature = ""
	})
	refused("no signature", "does not verify")
	if sent := w.got(); len(sent) > 0 {
		t.Fatalf("the page sent %s", sent)
	}
	w.change(func() {
		w.spec = good
		w.spec.Serial = 2
		root.Sign(t, &w.spec)
	})
	if s := try(); s.Error != "" {
		t.Fatalf("the good one: %s", s.Error)
	}
	w.change(func() { w.sent, w.spec = nil, good })
	refused("an older one", "rolled back")
	w.change(func() {
		w.root = testfleet.NewRoot(t)
		w.spec = w.root.Spec(9)
		w.root.Sign(t, &w.spec)
	})
	refused("another root key", "another than this browser knows")
	if sent := w.got(); len(sent) > 0 {
		t.Errorf("the page sent %s", sent)
	}
	b.Open(t, w.url)
	b.Act(t, chromedp.SetValue("#password", secret.Value()))
	s := submit(t, b, newJob([]string{"password"}), map[string]string{"password": "password"}, true)
	if s.Error != "" {
		t.Errorf("compared by a person: %s", s.Error)
	}
	w.sweep(t, b, secret)
}

// TestAFleetThatCannotBeReadIsRefused: cut, with more behind its end, with a field that is not known.
func TestAFleetThatCannotBeReadIsRefused(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	b.Open(t, w.url)
	for _, change := range []string{"fleet.slice(0, -1)", "fleet + '{}'", "'<!doctype html>sign in'", "'null'", "'[]'",
		`fleet.replace('"serial"', '"Serial"')`, `fleet.replace('{', '{"more": 1, ')`} {
		var said string
		b.Must(t, &said, `(async () => {
			const { Sealer } = await import("/sealer/sealer.js")
			const { fleet, rootKey } = await (await fetch("fleet")).json()
			try { await Sealer.open({ fleet: `+change+`, rootKey }) } catch (error) { return error.message + " / " + error.hint }
			return "taken"
		})()`)
		if !strings.HasPrefix(said, "fleet.yaml ") || strings.HasSuffix(said, "undefined") {
			t.Errorf("%s: %s", change, said)
		}
	}
	var kept int
	if b.Must(t, &kept, "localStorage.length"); kept > 0 {
		t.Errorf("the browser keeps %d things of what it refused", kept)
	}
}

// TestASealerThatDoesNotLoadSaysSo: and takes no value.
func TestASealerThatDoesNotLoadSaysSo(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	secret := canary.New("unsealed")
	wasm := func(kind string, body string) http.HandlerFunc {
		return func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", kind)
			_, _ = out.Write([]byte(body))
		}
	}
	for name, c := range map[string]struct {
		policy  string
		program http.HandlerFunc
		want    string
	}{
		"blocked": {strings.Replace(static.PagePolicy, " 'wasm-unsafe-eval'", "", 1), nil, "may not run WebAssembly"},
		"cut":     {static.PagePolicy, wasm("application/wasm", "\x00asm\x01\x00\x00\x00\x01\x10"), "not the program"},
		"empty":   {static.PagePolicy, wasm("application/wasm", ""), "not the program"},
		"a page":  {static.PagePolicy, wasm("text/html", "<!doctype html>sign in"), "not the program"},
		"another": {static.PagePolicy, wasm("application/wasm", "\x00asm\x01\x00\x00\x00"), "the sealer stopped"},
		"missing": {static.PagePolicy, http.NotFound, "the console answers 404"},
		"away": {static.PagePolicy, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"the console answers 502"},
	} {
		w.change(func() { w.policy, w.program = c.policy, c.program })
		b.Open(t, w.url+"?"+strings.ReplaceAll(name, " ", "-"))
		b.Act(t, chromedp.SetValue("#password", secret.Value()))
		s := submit(t, b, newJob([]string{"password"}), map[string]string{"password": "password"}, false)
		if !strings.Contains(s.Error, c.want) || s.Hint == "" {
			t.Errorf("%s: %q, hint %q; want %q", name, s.Error, s.Hint, c.want)
		}
	}
	if sent := w.got(); len(sent) > 0 {
		t.Errorf("the page sent %s", sent)
	}
	b.Open(t, "about:blank")
	canary.Check(t, []canary.Canary{secret}, canary.Bytes("requests", b.Sent()), canary.Path(b.Profile))
}

// TestAPageTakesNoOtherScriptForTheSealer: a script of a stranger would be given values.
func TestAPageTakesNoOtherScriptForTheSealer(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	b.Open(t, w.url)
	var answer string
	b.Must(t, &answer, `(async () => {
		const policy = {createScriptURL: (url) => url}
		let made
		try { made = trustedTypes.createPolicy('another', policy) } catch { made = undefined }
		const bare = (() => { try { new Worker('/sealer/worker.js'); return 'started' } catch { return 'refused' } })()
		return (made ? 'policy made' : 'no policy') + ', ' + bare
	})()`)
	if answer != "no policy, refused" {
		t.Errorf("the page let in another script: %s", answer)
	}
}

// TestWhatSeesValuesCanAskForNothing: a worker under the policy that the sealer's has is
// let through to nobody, not even to the server that it came from.
func TestWhatSeesValuesCanAskForNothing(t *testing.T) {
	w, b := newWorld(t), browser.ForTest(t)
	response, err := http.Get(w.url + "sealer/worker.js")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	program := func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/javascript")
		out.Header().Set("Content-Security-Policy", response.Header.Get("Content-Security-Policy"))
		_, _ = out.Write([]byte(`fetch("/send", {method: "POST", body: "out"}).then(() => postMessage("out"),
			() => postMessage("kept"))`))
	}
	w.change(func() {
		w.policy, _, _ = strings.Cut(static.PagePolicy, "require-trusted-types-for")
		w.program = program
	})
	b.Open(t, w.url)
	var answer string
	b.Must(t, &answer, `new Promise((done) => {
		const worker = new Worker('/sealer/sealer.wasm', {type: 'module'})
		worker.onmessage = ({data}) => done(data)
		worker.onerror = () => done('did not start')
	})`)
	if answer != "kept" || len(w.got()) > 0 {
		t.Errorf("a request got %s", answer)
	}
}
