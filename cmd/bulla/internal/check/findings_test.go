package check_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// wrong is a fleet with one mistake: a file that is another, or "" for one that is not
// there, and the findings, an expression for each line.
type wrong struct{ file, text, want string }

// app is the placement that most are about, with more lines; on is it with other targets.
func app(more string) string {
	return testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") + more
}

func on(targets string) string { return testfleet.Placement("app", "apps/app", "app", targets) }

// TestEachFindingIsMade: a fleet in which nothing is wrong has no finding, and what is
// wrong in each of these is told, and nothing else.
func TestEachFindingIsMade(t *testing.T) {
	w := newWorld(t)
	for name, test := range merged(w.sealedWrong(t), grantedWrong, builtWrong) {
		t.Run(name, func(t *testing.T) {
			got := w.findings(t, testfleet.Files{test.file: test.text})
			if !regexp.MustCompile("^" + test.want + "$").MatchString(got) {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

func merged(tables ...map[string]wrong) map[string]wrong {
	all := map[string]wrong{}
	for _, table := range tables {
		for name, row := range table {
			all[name] = row
		}
	}
	return all
}

// sealedWrong are mistakes in stubs.
func (w world) sealedWrong(t *testing.T) map[string]wrong {
	const file = "apps/app/db.yaml"
	to := func(targets ...string) string {
		return w.sealed(t, func(s *testfleet.Secret) { s.Targets = targets })
	}
	good := to("set/stores")
	other := w.sealed(t, func(s *testfleet.Secret) { s.BuiltName = "x" })
	more := w
	recoverable := w.spec
	recoverable.RecoveryRecipients = []string{recipient(t)}
	more.sealer = testfleet.SealerOf(t, &recoverable)
	as := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	return map[string]wrong{
		"nothing":           {file, good, ""},
		"a key of no fleet": {file, as("2026-11-a", "k9"), `.*no sealing key "k9"`},
		"a retired key":     {file, as("2026-11-a", "old"), `.*"old" is Retired: it opens nothing.*`},
		"a superseded key":  {file, as("2026-11-a", "last"), `.*warning: .*"last" is Superseded.*`},
		"a damaged lock":    {file, as("ciphertext: ", "ciphertext: AAAA"), ".*the lock is damaged.*"},
		"a damaged payload": {file, as("      YWdl", "      AAAA"), ".*the payload is damaged.*"},
		"a recovery key of nobody": {file, more.sealed(t, func(*testfleet.Secret) {}),
			`.*warning: spec.blocks\[0\].payload: the recovery keys that open it are not those of the fleet: .*; hint: .*`},
		"a recovery key of nobody, where nobody builds": {"spare/db.yaml", more.sealed(t, func(*testfleet.Secret) {}),
			"spare: note: .*\nspare/db.yaml: warning: no placement builds this stub\n" +
				`spare/db.yaml:.*warning: spec.blocks\[0\].payload: the recovery keys .*`},
		"another object": {file, other, ".*sealed for another object than app/db, .*"},
		"a set that is gone": {file, to("set/stores", "set/gone"),
			`.*warning: .*set "gone" is not in the fleet: this lock is for nobody`},
		"no lock where it is placed": {file, to("set/few"),
			".*warning: .*no lock opens /data/password on two, where it is placed.*"},
		"a reference for a set that is gone": {file, w.referred(t, to("set/stores", "set/gone")),
			`.*not looked at.*\n.*warning: spec.targets.*set "gone" is not in the fleet: this lock is for nobody`},
		"a reference where it is not for": {file, w.referred(t, to("set/few")),
			".*not looked at.*\n.*warning: spec.targets: no lock opens /data/password on two.*"},
		"a reference for one of two objects": {"placements/two.yaml",
			testfleet.Placement("two", "apps/one", "two", "{clusterName: one}"),
			"(.*it becomes several objects, .*the others will not open; it becomes several objects: .*\n?){2}"},
		"a recipe of no key": {file, as("metadata:\n", "metadata:\n  annotations: {bulla.dev/generate: 'user=32,alnum'}\n"),
			".*warning: .*the stub seals no such key"},
		"a stub in another namespace": {file, as("namespace: app", "namespace: other"), ".*is in namespace \"other\".*"},
		"a stub nobody builds": {"spare/db.yaml", good,
			"spare: note: .*\nspare/db.yaml: warning: no placement builds this stub"},
		"too large to tell": {"spare/big.yaml", "a: " + strings.Repeat("x", 4<<20) + "\n", ".*file is too large.*"},
	}
}

// grantedWrong are mistakes in what says who gets what.
var grantedWrong = map[string]wrong{
	"no owners": {"CODEOWNERS", "", ".*warning: it is missing.*"},
	"an owner is missing": {"CODEOWNERS",
		"/fleet.yaml @a/b\n/clusters/ @a/b\n/clustersets/ @a/b\n/apps/ @a/b\n/CODEOWNERS @a/b\n",
		".*warning: it names nobody for /placements/.*"},
	"an owner of what is placed is missing": {"CODEOWNERS", "* @a/b\n/apps/app/\n/apps/listed/*.yaml\n",
		`.*warning: it names nobody for /apps/app/, of which placement app builds: .*; hint: .* "/apps/app/ @org.*"\n` +
			".*it names nobody for /apps/listed/, of which placement late builds: .*"},
	"an owner of the owners is missing": {"CODEOWNERS", "* @a/b\n/CODEOWNERS\n",
		".*warning: it names nobody for /CODEOWNERS, which grants access; hint: .*"},
	"attributes": {".gitattributes", "*.yaml ident\n", ".*warning: ident has a checkout differ.*"},
	"a target that is not there": {"placements/app.yaml", on("{clusterSet: stores}, {clusterName: gone}"),
		`.*warning: .*cluster "gone" is not in the fleet.*`},
	"a target of nobody": {"placements/app.yaml", on("{clusterSet: none}"),
		".*warning: it reaches no cluster\n.*late would wait.*"},
	"waits for nobody": {"placements/app.yaml", app("  dependsOn: [{name: x}]\n"),
		`.*"x" is not in the fleet: .*for ever`},
	"waits where it is not": {"placements/app.yaml", app("  dependsOn: [{name: tool}]\n"),
		".*is not placed on two: .*for ever"},
	"waits round a corner": {"placements/app.yaml",
		on("{clusterName: one}") + "  dependsOn: [{name: late}]\n",
		`placements/app.yaml:\d+:\d+: .*"late" depends on this one.*\n.*"app" depends on this one.*`},
	"waits in a ring": {"placements/app.yaml", on("{clusterName: one}") + "  dependsOn: [{name: one}]\n",
		`placements/app.yaml:\d+:\d+: spec.dependsOn\[0\].name: app → one → late → app: each would wait for .*\n` +
			`placements/late.yaml:\d+:\d+: .*: late → app → one → late: .*\n` +
			`placements/one.yaml:\d+:\d+: .*: one → late → app → one: .*`},
	"a variant's set": {"placements/app.yaml", app("  variants: [{name: v, clusterSet: gone, path: apps/app}]\n"),
		`placements/app.yaml:\d+:\d+: spec.variants\[0\].clusterSet: placement "app" in its variant "v" selects .*`},
	"an empty wave": {"placements/app.yaml", app("  rollout: {waves: [{clusterName: gone}, {}]}\n"),
		`.*\[0\]: cluster "gone" is not in the fleet: the clusters after it get no release any more; hint: .*`},
	"a wave of no set": {"placements/app.yaml", app("  rollout: {waves: [{clusterSet: gone}, {}]}\n"),
		`.*set "gone" does not exist.*`},
	"a variant of a cluster mistyped": {"placements/app.yaml",
		app("  variants: [{name: v, clusterName: onee, path: apps/app}]\n"),
		`.*warning: .*cluster "onee" is not in the fleet: .*; hint: did you mean one\? .*`},
	"a variant of another's cluster": {"placements/app.yaml",
		on("{clusterName: one}") + "  variants: [{name: v, clusterName: two, path: apps/app}]\n",
		`.*warning: .*cluster "two" is not one of this placement's clusters: .*place app --cluster two.*`},
	"a variant for clusters to come": {"placements/app.yaml",
		app("  variants: [{name: v, clusterSet: none, path: apps/app}]\n"), ".*note: .*it builds for nobody"},
	"a wave mistyped": {"placements/app.yaml", app("  rollout: {waves: [{clusterName: onee}, {}]}\n"),
		`.*"onee" is not in the fleet: .*; hint: did you mean one\? .*`},
	"a wave of another's cluster": {"placements/app.yaml",
		on("{clusterName: one}") + "  rollout: {waves: [{clusterName: two}, {}]}\n",
		`.*"two" is not one of this placement's clusters: the clusters after it .*place app --cluster two.*`},
	"a wave of an empty set": {"placements/app.yaml", app("  rollout: {waves: [{clusterSet: none}, {}]}\n"),
		`.*\[0\]: cluster set "none" is empty: the clusters after it .*`},
	"a wave whose clusters are in it before": {"placements/app.yaml",
		app("  rollout: {waves: [{clusterName: one}, {clusterSet: few}, {}]}\n"),
		`.*\[1\]: all clusters of set "few" are .*`},
	"a recipient that is none": {"clusters/three.yaml", testfleet.ClusterOf("three", "sha256:"+strings.Repeat("ab", 32),
		"age1pq1xyz"), `clusters/three.yaml:\d+:3: spec.recipient: is not a cluster's age recipient; hint: .*`},
	"keys of another": {"clusters/three.yaml",
		strings.Replace(testfleet.Cluster("two", ""), "name: two", "name: three", 1),
		`(clusters/eu/two.yaml:\d+:3: spec.\w+: cluster "three" has the same; hint: .*\n){2}` +
			`(clusters/three.yaml:\d+:3: spec.\w+: cluster "two" has the same; hint: .*\n?){2}`},
	"a variant for nobody": {"placements/app.yaml",
		app("  variants: [{name: v, clusterName: gone, path: apps/app}]\n"),
		`.*warning: .*cluster "gone" is not in the fleet: .*builds for nobody; hint: .*`},
	"an expression": {"placements/app.yaml",
		app("  healthCheckExprs: [{apiVersion: a.com/v1, kind: B, current: 'status =='}]\n"), ".*is not CEL.*"},
	"claimed twice": {"placements/team/tool.yaml", testfleet.Placement("tool", "apps/app", "app", "{clusterName: one}"),
		"apps/tool: note: .*\n.*is placed by tool too.*\n.*is placed by app too.*"},
}

// builtWrong are mistakes in what is built.
var builtWrong = map[string]wrong{
	"nobody's account": {"apps/app/rb.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n" +
		"metadata: {name: r}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\n" +
		"subjects: [{kind: ServiceAccount, name: nobody}]\n", ".*is for ServiceAccount nobody, which no placement makes.*"},
	"an annotation": {"apps/app/b.yaml",
		strings.Replace(testfleet.ConfigMap("b"), "name: b", "name: b\n  annotations: {bulla.dev/x: y}", 1),
		".*nothing reads it.*"},
	"nothing is built": {"apps/tool/t.yaml", "a: b\n",
		".*holds no Kubernetes object.*\nplacements/team/tool.yaml: warning: it builds nothing: .*"},
	"no object":  {"apps/app/values.yaml", "a: b\n", ".*warning: it holds no Kubernetes object.*"},
	"not listed": {"apps/listed/b.yaml", testfleet.ConfigMap("b"), ".*no placement reads it.*"},
	"a folder nobody places": {"apps/new/b.yaml", testfleet.ConfigMap("b"),
		".*note: no placement builds anything in this folder.*"},
	"aimed at a stub's kind": {"apps/listed/kustomization.yaml", "resources: [a.yaml]\npatches:\n" +
		"- target: {kind: SealedManifest}\n  patch: '- {op: remove, path: /a}'\n", ".*nothing is of kind SealedManifest.*"},
	"a field": {"apps/app/a.yaml", testfleet.ConfigMap("a") + "inmutable: true\n", ".*did you mean immutable.*"},
	"a token": {"apps/app/a.yaml", testfleet.ConfigMap("a") + "  token: AKIA" + "QYLPMN5HHHFPZAM2\n",
		".*warning: it looks like a secret in the clear.*"},
}
