package values

import (
	"encoding/base64"
	"encoding/json"
	"testing"
)

func quoted(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestACopyOfAValueIsSeenThroughItsQuotes of JSON and YAML, also of a copy in a copy.
func TestACopyOfAValueIsSeenThroughItsQuotes(t *testing.T) {
	for _, value := range []string{
		"-----BEGIN KEY-----\nMIIEvQ\nIBADAN\n-----END KEY-----\n", `pa"ss<word>`, `back\slash\now`, "pässwörter",
		"smile \U0001F600 please", "tab\tand more", `it's a "word"`,
	} {
		once := quoted(t, map[string]any{"k": value})
		twice := quoted(t, map[string]any{"copy": once})
		b64 := base64.StdEncoding.EncodeToString([]byte(value))
		for _, text := range []string{
			value, once, twice, quoted(t, twice), b64, quoted(t, b64), b64[:10] + "\n  " + b64[10:],
			base64.RawURLEncoding.EncodeToString([]byte(value)), "k: |\n    " + value,
		} {
			if !(Set{"k": []byte(value)}).shows(text) {
				t.Errorf("value %q is not seen in %q", value, text)
			}
		}
		for _, text := range []string{"", "plain", `{"k":"\u00zz\"`, `\`, quoted(t, "another text")} {
			if (Set{"k": []byte(value)}).shows(text) {
				t.Errorf("value %q is seen in %q", value, text)
			}
		}
	}
}

// TestACopyOfASecretIsNoMark whatever its values: short ones are found nowhere.
func TestACopyOfASecretIsNoMark(t *testing.T) {
	object := quoted(t, map[string]any{"kind": "Secret", "data": map[string]string{"k": "YQ=="}})
	kept, left := marks("annotation", map[string]string{
		"example.com/last-applied": "anything", "example.com/json": object, "example.com/twice": quoted(t, object),
		"example.com/yaml": "apiVersion: v1\nkind: Secret\n", "example.com/text": "{stringData: {k: a}}", "team": "shop",
	}, false, Set{"k": []byte("a")})
	if len(kept) != 1 || kept["team"] != "shop" || len(left) != 5 {
		t.Errorf("kept %v, left %v", kept, left)
	}
}
