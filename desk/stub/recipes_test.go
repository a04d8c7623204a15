package stub_test

import (
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestARecipeChangesItsLineAlone: whatever the layout of metadata, the rest of the file
// stays, and taking the recipe away gives back what there was.
func TestARecipeChangesItsLineAlone(t *testing.T) {
	whole := testfleet.Stub("db")
	_, rest, _ := strings.Cut(whole, "spec:\n")
	for name, c := range map[string]struct{ was, now string }{
		"no annotations": {
			"metadata:\n  name: db\n  namespace: app # where\n",
			"metadata:\n  name: db\n  namespace: app # where\n  annotations:\n    bulla.dev/generate: token=40,hex\n",
		},
		"others": {
			"metadata:\n  annotations:\n    team: shop # ask them\n  name: db\n  namespace: app\n",
			"metadata:\n  annotations:\n    team: shop # ask them\n    bulla.dev/generate: token=40,hex\n" +
				"  name: db\n  namespace: app\n",
		},
		"on one line": {
			"metadata: {name: db, namespace: app}\n",
			"metadata:\n  annotations:\n    bulla.dev/generate: token=40,hex\n  name: db\n  namespace: app\n",
		},
		"others on one line": {
			"metadata:\n  name: db\n  annotations: {team: shop}\n",
			"metadata:\n  name: db\n  annotations:\n    bulla.dev/generate: token=40,hex\n    team: shop\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			const head = "apiVersion: bulla.dev/v1alpha1\nkind: SealedManifest\n"
			was := []byte(head + c.was + "spec:\n" + rest)
			now, err := stub.SetRecipes("db.yaml", was, values.Recipes{"token": {Length: 40, Alphabet: "hex"}})
			if err != nil {
				t.Fatal(err)
			}
			if want := head + c.now + "spec:\n" + rest; string(now) != want {
				t.Fatalf("got\n%s\nwant\n%s", now[:300], want[:300])
			}
			again, err := stub.SetRecipes("db.yaml", now, values.Recipes{"token": {Length: 40, Alphabet: "hex"}})
			if err != nil || string(again) != string(now) {
				t.Errorf("the same again changes it: %v", err)
			}
			none, err := stub.SetRecipes("db.yaml", now, values.Recipes{})
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := api.ParseSealedManifest("db.yaml", none)
			if err != nil {
				t.Fatal(err)
			}
			if _, still := parsed.Metadata.Annotations[api.GenerateAnnotation]; still {
				t.Error("it is still there")
			}
			if !strings.Contains(c.was, "{") && string(none) != string(was) {
				t.Errorf("got\n%s\nwant\n%s", none[:300], was[:300])
			}
		})
	}
}

// withRecipes writes recipes into a stub.
func withRecipes(t *testing.T, recipes string, blocks ...string) []byte {
	t.Helper()
	parsed, err := values.ParseRecipes(recipes)
	if err != nil {
		t.Fatal(err)
	}
	data, err := stub.SetRecipes("x.yaml", file(blocks...), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestARecipeIsMergedWithItsValue: two people who each make a value have no conflict, and
// no value that somebody brought is left with the recipe of the one before.
func TestARecipeIsMergedWithItsValue(t *testing.T) {
	base := withRecipes(t, "a=8,hex b=8,hex", "a=AAAA@s:1", "b=BBBB@s:1")
	for name, c := range map[string]struct {
		ours, theirs []byte
		want         string
	}{
		"each makes one": {
			withRecipes(t, "a=8,hex b=8,hex c=9,hex", "a=AAAA@s:1", "b=BBBB@s:1", "c=CCCC@s:1"),
			withRecipes(t, "a=8,hex b=8,hex d=9,alnum", "a=AAAA@s:1", "b=BBBB@s:1", "d=DDDD@s:1"),
			"a=8,hex b=8,hex c=9,hex d=9,alnum",
		},
		"one is brought": {
			withRecipes(t, "a=8,hex b=8,hex", "a=AAAA@s:1", "b=BBBB@s:1"),
			withRecipes(t, "b=8,hex", "a=EEEE@s:1", "b=BBBB@s:1"), "b=8,hex",
		},
		"one goes": {
			withRecipes(t, "b=8,hex", "b=BBBB@s:1"),
			withRecipes(t, "a=8,hex b=8,hex c=9,hex", "a=AAAA@s:1", "b=BBBB@s:1", "c=CCCC@s:1"),
			"b=8,hex c=9,hex",
		},
		"a recipe alone": {
			withRecipes(t, "a=8,hex b=8,hex", "a=AAAA@s:1", "b=BBBB@s:1"),
			withRecipes(t, "a=8,hex b=32,hex", "a=AAAA@s:1", "b=BBBB@s:1"), "a=8,hex b=32,hex",
		},
	} {
		for _, turned := range []bool{false, true} {
			ours, theirs := c.ours, c.theirs
			if turned {
				ours, theirs = theirs, ours
			}
			data, err := stub.Merge("x.yaml", base, ours, theirs)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			parsed, err := api.ParseSealedManifest("x.yaml", data)
			if err != nil {
				t.Fatal(err)
			}
			if got := parsed.Metadata.Annotations[api.GenerateAnnotation]; got != c.want {
				t.Errorf("%s: got %q, want %q", name, got, c.want)
			}
		}
	}
}
