package values_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/desk/values"
)

func TestRecipesAreReadAsTheyAreWritten(t *testing.T) {
	text := "a.key=8,digits password=32,alnum token=40,base64url"
	recipes, err := values.ParseRecipes("token=40,base64url\n  password=32,alnum a.key=8,digits")
	if err != nil || recipes.String() != text {
		t.Fatalf("got %q, %v", recipes, err)
	}
	value, bits, err := recipes["a.key"].Make()
	if err != nil || len(value) != 8 || strings.Trim(string(value), "0123456789") != "" || bits < 26 || bits > 27 {
		t.Errorf("made %d characters of %v bits, %v", len(value), bits, err)
	}
	if none, err := values.ParseRecipes(" "); err != nil || len(none) != 0 {
		t.Errorf("nothing is %v, %v", none, err)
	}
}

func TestWhatIsNoRecipeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"password":                               `"password" names no key and recipe`,
		"pass/word=32,alnum":                     `names no key and recipe`,
		"password=32":                            `key password: "32" says no length and alphabet`,
		"password=x,alnum":                       `says no length and alphabet`,
		"password=0,alnum":                       `a value has 1 to 4096 characters, not 0`,
		"password=4097,alnum":                    `a value has 1 to 4096 characters, not 4097`,
		"password=32,klingon":                    `alphabet "klingon" is none of alnum, base64url, digits, hex, printable`,
		"password=32,alnum password=40,alnum":    `key password stands there twice`,
		"password=32,alnum,  token=40,base64url": `alphabet "alnum," is none of`,
	} {
		if _, err := values.ParseRecipes(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
