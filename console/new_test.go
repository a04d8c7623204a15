package console_test

import (
	"strings"
	"testing"
)

// chosen is a wizard in which everything is chosen; what is given comes in the place of that.
func chosen(with map[string][]string) map[string][]string {
	q := map[string][]string{"application": {"app"}, "shape": {"password"}, "name": {"db"}, "keys": {"password"},
		"way": {"volume"}, "workload": {"Deployment/api"}, "path": {"/etc/db"}, "mode": {"0440"}}
	for name, values := range with {
		q[name] = values
	}
	return q
}

// TestTheWizardSaysWhatIsWrongWhereItWasTyped with what to do, and not after the last step.
func TestTheWizardSaysWhatIsWrongWhereItWasTyped(t *testing.T) {
	_, _, c := startWizard(t, "")
	for _, one := range []struct {
		step, want, do string
		with           map[string][]string
	}{
		{"What is it?", "is no name of a secret", "lower-case letters", map[string][]string{"name": {"Payments_DB"}}},
		{"What is it?", "stands twice", "give each name once", map[string][]string{"keys": {"a a"}}},
		{"What is it?", "is no length", "write digits", map[string][]string{"shape": {"generate"}, "length": {"abc"}}},
		{"What is it?", "what the file is called", "keystore.p12", map[string][]string{"shape": {"file"}, "keys": {""}}},
		{"How do its pods get it?", "no folder to mount at", "/etc/db", map[string][]string{"path": {"etc/db"}}},
		{"What is it?", "is no file of a secret", "choose another name", map[string][]string{"name": {"kustomization"}}},
		{"How do its pods get it?", "no mode of a file", "as 0400", map[string][]string{"mode": {"x"}}},
		{"How do its pods get it?", "hides all that the container has", "/etc/db", map[string][]string{"path": {"/etc"}}},
		{"How do its pods get it?", "no folder to mount at", "/etc/db", map[string][]string{"path": {"/a/../b"}}},
		{"How do its pods get it?", "no folder to mount at", "/etc/db", map[string][]string{"path": {"/a:b"}}},
		{"How do its pods get it?", "the kernel", "/etc/db", map[string][]string{"path": {"/proc/self"}}},
		{"How do its pods get it?", "app has no Deployment", "shown", map[string][]string{"workload": {"Deployment/none"}}},
		{"How do its pods get it?", "is no workload", "shown", map[string][]string{"workload": {"<b>/x"}}},
		{"How do its pods get it?", "begins no name of an environment variable", "DB_",
			map[string][]string{"shape": {"env"}, "way": {"env"}, "prefix": {"X-"}}},
	} {
		out := wizardPage(t, c, chosen(one.with))
		for _, text := range []string{one.step, one.want, one.do, "What to do"} {
			if !strings.Contains(out, text) {
				t.Errorf("%v: the page does not say %q", one.with, text)
			}
		}
	}
	if out := wizardPage(t, c, chosen(nil)); strings.Contains(out, "What to do") {
		t.Error("nothing is wrong, and the page says what to do about it")
	}
}

// TestAStepShowsWhatWasChosen when somebody comes back to it: a workload that the page
// forgot would be given, or lose, what nobody meant.
func TestAStepShowsWhatWasChosen(t *testing.T) {
	_, _, c := startWizard(t, "")
	const workload = `name="workload" value="Deployment/api" checked`
	for step, want := range map[string][]string{
		"2": {workload, `value="volume" checked`, `value="0440" selected`},
	} {
		out := wizardPage(t, c, chosen(map[string][]string{"step": {step}}))
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("step %s does not have %s", step, text)
			}
		}
	}
	none := chosen(map[string][]string{"step": {"2"}, "workload": nil})
	if out := wizardPage(t, c, none); strings.Contains(out, workload) {
		t.Error("a workload that nobody chose is chosen")
	}
}

// TestTheWizardSuitsTheKindOfSecret until somebody chooses.
func TestTheWizardSuitsTheKindOfSecret(t *testing.T) {
	_, _, c := startWizard(t, "")
	for shape, way := range map[string]string{"password": "env", "tls": "volume", "registry": "none"} {
		out := wizardPage(t, c, map[string][]string{"application": {"app"}, "shape": {shape}, "name": {"db"}})
		if !strings.Contains(out, `name="way" value="`+way+`" checked`) {
			t.Errorf("%s: not %s", shape, way)
		}
	}
}

// TestWhatStandsChosenCanBeDone: where the clusters of an application are in no set that it is
// placed on, the first line would be refused at the end.
func TestWhatStandsChosenCanBeDone(t *testing.T) {
	_, _, c := startWizard(t, "")
	const set = `name="set" value="stores" checked`
	at := func(application string, more map[string][]string) string {
		q := chosen(map[string][]string{"application": {application}, "workload": nil})
		for name, values := range more {
			q[name] = values
		}
		return wizardPage(t, c, q)
	}
	if !strings.Contains(at("tool", nil), set) {
		t.Error("a set that has its only cluster is not chosen")
	}
	if strings.Contains(at("app", nil), set) {
		t.Error("a set is chosen where all clusters can be")
	}
	if strings.Contains(at("tool", map[string][]string{"set": {""}, "cluster": {"one"}}), set) {
		t.Error("what a person chose is another now")
	}
}
