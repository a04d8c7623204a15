package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// substituting is a fleet of one cluster with values, and an object as it is written.
func substituting(object, more string) testfleet.Files {
	f := testfleet.Two().With(testfleet.Files{
		"clusters/one.yaml": cluster("one", "{tier: store, region: eu, log_level: debug}",
			"  values: {CURRENCY: EUR, LOG: cluster, BOTH: cluster}\n"),
		"placements/app.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") + more,
		"apps/app/a.yaml":     object,
	})
	delete(f, "placements/team/tool.yaml")
	return f
}

const textual = `apiVersion: v1
kind: ConfigMap
metadata: {name: a, annotations: {note: "in ${region}"}}
data:
  key: "${CURRENCY} at ${LOG}, ${BOTH} ${OWN}"
  script: "echo $${HOME} $HOME $(HOME) $$ ${CURRENCY}"
  twice: "${region}${region}"
`

const placementsOwn = "  substitute: {OWN: placement, BOTH: placement}\n"

func TestValuesStandInTextsAfterTheBuild(t *testing.T) {
	f := substituting(textual, placementsOwn)
	f["apps/app/db.yaml"] = testfleet.Stub("db")
	tr, m := load(t, f)
	b := NewBuilder(BuilderOptions{})
	placed := b.Resolve(t.Context(), tr, m, "one").Placed["app"]
	if placed.Err != nil {
		t.Fatal(placed.Err)
	}
	want := map[string]any{
		"key": "EUR at cluster, placement placement", "script": "echo ${HOME} $HOME $(HOME) $$ EUR", "twice": "eueu",
	}
	for key, want := range want {
		if got := value(t, placed.Build, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	// The shared build has nobody's values, and says so by another digest.
	group := b.ResolveGroupSoon(t.Context(), tr, m, "one").Placed["app"].Build
	if got := value(t, group, "twice"); got != "${region}${region}" {
		t.Errorf("the shared build says %v", got)
	}
	if group.Digest == placed.Build.Digest {
		t.Error("a build with values has the digest of the one without")
	}
	if diff := cmp.Diff(ids(group), ids(placed.Build)); diff != "" {
		t.Error(diff)
	}
	if b.Processes() != 1 {
		t.Errorf("%d build processes", b.Processes())
	}
	if again := b.Resolve(t.Context(), tr, m, "one").Placed["app"]; again.Build != placed.Build {
		t.Error("what is known is substituted again")
	}
}

func TestWithoutSubstituteATextIsWhatItSays(t *testing.T) {
	placed := resolve(t, substituting(textual, ""), "one").Placed["app"]
	if placed.Err != nil {
		t.Fatal(placed.Err)
	}
	if got := value(t, placed.Build, "script"); got != "echo $${HOME} $HOME $(HOME) $$ ${CURRENCY}" {
		t.Errorf("script is %q", got)
	}
}

func TestAVariantsValuesGoBeforeThePlacements(t *testing.T) {
	f := substituting(textual, placementsOwn+"  variants: [{name: v, clusterName: one, substitute: {OWN: variant}}]\n")
	placed := resolve(t, f, "one").Placed["app"]
	if placed.Err != nil {
		t.Fatal(placed.Err)
	}
	if got := value(t, placed.Build, "key"); got != "EUR at cluster, placement variant" {
		t.Errorf("key is %q", got)
	}
}

func TestWhatIsNotSubstitutedIsNamed(t *testing.T) {
	for _, test := range []struct {
		name, object string
		words        []string
	}{
		{"a name that nothing gives", testfleet.ConfigMap("a") + "  app.conf: \"x ${NOWHERE}\"\n", []string{
			"ConfigMap app/a", `data["app.conf"]`, "${NOWHERE}", `cluster "one"`, `variant "v"`, "CURRENCY", "region", "hint:",
		}},
		{"a namespace", strings.Replace(testfleet.ConfigMap("a"), "name: a", "name: a\n  namespace: ${region}", 1),
			[]string{"${region}"}},
		{"a name", strings.Replace(testfleet.ConfigMap("a"), "name: a", "name: a-${region}", 1),
			[]string{"metadata.name", "never substituted", "hint:"}},
		{"a key", testfleet.ConfigMap("a") + "  \"${region}\": x\n", []string{"${region}", "hint:"}},
		{"a default", testfleet.ConfigMap("a") + "  b: \"${region:=eu}\"\n", []string{"data.b", "no ${NAME}", "hint:"}},
		{"what is not closed", testfleet.ConfigMap("a") + "  b: \"${region\"\n", []string{"data.b", "no ${NAME}", "hint:"}},
		{"the name of a Namespace", "apiVersion: v1\nkind: Namespace\nmetadata: {name: \"app-${region}\"}\n",
			[]string{"${region}"}},
		{"a stub's own namespace", strings.Replace(testfleet.Stub("db"), "name: db", "name: db\n  namespace: ${region}", 1),
			[]string{"${region}"}},
		{"a stub's own name", strings.Replace(testfleet.Stub("db"), "name: db", "name: db-${region}", 1),
			[]string{"apps/app/a.yaml:4", "metadata.name", "${region}", "is not a name"}},
		{"a key of a stub's template", testfleet.Stub("db", "metadata: {labels: {\"${region}\": x}}"),
			[]string{"apps/app/a.yaml:11", "${region}", "is not a name"}},
		{"a stub's template", testfleet.Stub("db", "metadata: {annotations: {note: \"${region}\"}}"),
			[]string{"Secret app/db", "metadata.annotations.note", "stub", "hint:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := substituting(test.object, placementsOwn+"  variants: [{name: v, clusterName: one, substitute: {}}]\n")
			r := resolve(t, f, "one")
			err := r.Placed["app"].Err
			if err == nil {
				t.Fatalf("built %v", ids(r.Placed["app"].Build))
			}
			for _, word := range test.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not in: %v", word, err)
				}
			}
			if r.HeldNamespaces["app"] != "app" {
				t.Error("what runs there may be deleted")
			}
		})
	}
}

// A definition describes what others write.
func TestADefinitionIsLeftAsItIs(t *testing.T) {
	crd := `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, description: "say ${NAME}"}}}
`
	more := "  allow: {clusterResources: [CustomResourceDefinition.apiextensions.k8s.io]}\n"
	if err := resolve(t, substituting(crd, placementsOwn+more), "one").Placed["app"].Err; err != nil {
		t.Error(err)
	}
}

func TestValuesMayNotGrowABuildWithoutEnd(t *testing.T) {
	f := substituting(testfleet.ConfigMap("a")+"  many: \""+strings.Repeat("${BIG}", 10_000)+"\"\n",
		"  substitute: {BIG: \""+strings.Repeat("x", 4096)+"\"}\n")
	err := resolve(t, f, "one").Placed["app"].Err
	if err == nil || !strings.Contains(err.Error(), "MiB") {
		t.Error(err)
	}
}
