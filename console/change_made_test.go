package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// TestAValueIsMadeByTheBrowserFromNowOn, and given by hand again: what is made says how in
// the file, so that it can be rotated, and what is given does not.
func TestAValueIsMadeByTheBrowserFromNowOn(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.shows(dbPage+"/change", http.StatusOK, "made by a program: 32,alnum", "given by hand", `name="make" value="user"`,
		`<option value="hex">`)
	for name, test := range map[string]struct {
		form    url.Values
		recipes string
		made    []string
	}{
		"made, as it is usual": {url.Values{"make": {"user"}}, "password=32,alnum user=32,alnum", []string{"user"}},
		"made, as it was asked": {url.Values{"make": {"user"}, "key": {"user"}, "length": {"40"}, "alphabet": {"hex"}},
			"password=32,alnum user=40,hex", []string{"user"}},
		"made again, longer": {url.Values{"make": {"password"}, "length": {"48"}}, "password=48,alnum",
			[]string{"password"}},
		"given by hand again": {url.Values{"key": {"password"}}, "", nil},
		"one of each": {url.Values{"key": {"password", "user"}, "make": {"user"}, "alphabet": {"digits"}}, "user=32,digits",
			[]string{"user"}},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"kind": {"change"}}
			for field, all := range test.form {
				form[field] = all
			}
			d := w.leads(dbPage+"/draft", form)
			page := w.shows("/drafts/"+d.ID+"/seal", http.StatusOK)
			for _, key := range test.made {
				if strings.Contains(page, `data-key="`+key+`"`) {
					t.Errorf("%s is asked for", key)
				}
			}
			w.shows(d.Begun, http.StatusOK, "checked")
			for _, job := range w.jobsOf(d).Jobs {
				if len(job.Generate) != len(test.made) {
					t.Errorf("made: %v", job.Generate)
				}
			}
			file := w.sealIn(d, "by hand")
			manifest, err := api.ParseSealedManifest(dbFile, []byte(file))
			if err != nil {
				t.Fatal(err)
			}
			recipes, err := stub.Recipes(dbFile, manifest)
			if err != nil || recipes.String() != test.recipes {
				t.Errorf("%v: %s, want %s", err, recipes, test.recipes)
			}
		})
	}
}

// TestWhatCannotBeMadeIsToldWhereItIsTyped, with what was chosen.
func TestWhatCannotBeMadeIsToldWhereItIsTyped(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	for want, form := range map[string]url.Values{
		"is no length":                       {"make": {"user"}, "length": {"<script>"}},
		"a value has 1 to 4096 characters":   {"make": {"user"}, "length": {"-1"}},
		"is none of alnum":                   {"make": {"user"}, "alphabet": {"{{.}}"}},
		"nothing says which value changes":   {},
		"the secret has no value":            {"key": {"'; DROP TABLE x; --"}},
		"the secret has no value &#34;admin": {"make": {"admin"}},
	} {
		form.Set("kind", "change")
		out := w.press(dbPage+"/draft", form)
		page := out.Body.String()
		if out.Code != http.StatusUnprocessableEntity || !strings.Contains(page, want) ||
			!strings.Contains(page, "What to do") || !strings.Contains(page, `action="`+dbPage+`/draft"`) ||
			strings.Contains(page, "<script>") {
			t.Errorf("%v: %d, no %q in %s", form, out.Code, want, page)
		}
	}
	d := w.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "make": {"user"}, "length": {"4"}})
	weak := values.WeakOf("user", values.Recipe{Length: 4, Alphabet: "alnum"}, "letters and digits")
	w.shows("/drafts/"+d.ID+"/seal", http.StatusOK, weak, "!of alnum")
}
