package kustomize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// referring is the reference of testfleet's stub of a name, wired as wiredStub is.
func referring(name, namespace, scope string, entries ...string) string {
	digest := api.StubDigest([]byte("stub"))
	return "apiVersion: bulla.dev/v1alpha1\nkind: SealedReference\nmetadata: {name: " + name + namespace + "}\nspec:\n" +
		"  template:\n    apiVersion: v1\n    kind: Secret\n    type: Opaque\n    data: {host: ZGI=}\n" +
		"  scope: " + scope + "\n  deliverAs: [" + strings.Join(entries, ", ") + "]\n" +
		"  fields: [/data/password]\n  targets: [set/all]\n" +
		"  stub: {digest: " + digest + ", size: 4, content: " + digest + "}\n"
}

// buildReferring builds, and has the error.
func buildReferring(t *testing.T, files testfleet.Files) (*Build, error) {
	t.Helper()
	return NewBuilder(BuilderOptions{}).Build(t.Context(), testfleet.Open(t, files), placement())
}

// TestAReferenceBuildsAsItsStub: kustomize sees the same, so a stub that is moved to the
// store changes no object, no name and no wire; what is placed is the reference's own
// digest.
func TestAReferenceBuildsAsItsStub(t *testing.T) {
	for name, kustomization := range map[string]string{
		"as it is": "",
		"renamed": "namePrefix: prod-\nlabels: [{pairs: {env: prod}}]\ncommonAnnotations: {team: a}\n" +
			"images: [{name: api, newTag: v2}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := func(secret string) testfleet.Files {
				return testfleet.Files{
					"apps/app/kustomization.yaml": "resources: [db.yaml, api.yaml]\n" + kustomization,
					"apps/app/db.yaml":            secret, "apps/app/api.yaml": wiredAPI,
				}
			}
			file := referring("db", "", "Strict", toAPI)
			got, err := buildReferring(t, files(file))
			if err != nil {
				t.Fatal(err)
			}
			want := build(t, files(wiredStub("db", toAPI)), placement())
			if diff := cmp.Diff(objectsOf(want), objectsOf(got)); diff != "" {
				t.Errorf("(-stub +reference):\n%s", diff)
			}
			if got.Digest == want.Digest {
				t.Error("two builds of different files in Git have one digest")
			}
			for _, o := range got.Objects {
				if o.Stub != nil && (o.Stub.Digest != api.StubDigest([]byte(file)) || o.Stub.Reference == nil ||
					len(o.Stub.Manifest.Spec.Blocks) > 0) {
					t.Errorf("the object comes of %+v", o.Stub)
				}
			}
		})
	}
}

func objectsOf(b *Build) []string {
	var all []string
	for _, o := range b.Objects {
		all = append(all, fmt.Sprint(o.Object))
	}
	return all
}

// TestAReferenceMayNoMoreThanAStub: what is refused of a stub is refused of its reference.
func TestAReferenceMayNoMoreThanAStub(t *testing.T) {
	for name, test := range map[string]struct {
		secret, kustomization string
		words                 string
	}{
		"scope Fleet without a line": {referring("db", "", "Fleet"), "", "scope Fleet; the placement needs allow.fleetScope"},
		"another namespace":          {referring("db", ", namespace: other", "Strict"), "", "is in namespace"},
		"a value that is overwritten": {referring("db", "", "Strict"),
			"patches:\n- target: {kind: Secret}\n  patch: |-\n    - {op: replace, path: /data/password, value: eA==}\n",
			"sealed value /data/password"},
		"public data that is added": {referring("db", "", "Strict"),
			"patches:\n- target: {kind: Secret}\n  patch: |-\n    - {op: add, path: /data/more, value: eA==}\n",
			"has other data"},
		"one that does not parse": {strings.Replace(referring("db", "", "Strict"), "size: 4", "size: 0", 1), "",
			"spec.stub.size"},
		"a workload that is not there": {referring("db", "", "Strict", toAPI), "", "Deployment"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := buildReferring(t, testfleet.Files{
				"apps/app/kustomization.yaml": "resources: [db.yaml]\n" + test.kustomization, "apps/app/db.yaml": test.secret,
			})
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("error %v, want %q in it", err, test.words)
			}
		})
	}
}
