package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFileOfProvidersIsReadStrictly(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("secret", secret+"\n")
	write("address", "https://chat.example.com/"+secret+"\n")
	write("large", strings.Repeat("a", maxFile+1))
	good, err := Load(write("providers.yaml", `providers:
- {name: chat, type: slack, severity: error, addressFile: address}
- {name: forge, type: github, address: "https://api.github.com", repository: acme/fleet, secretFile: secret}
`))
	if err != nil || len(good) != 2 || string(good[1].Secret) != secret || good[1].Severity != "info" ||
		good[0].Address != "https://chat.example.com/"+secret {
		t.Fatalf("%d providers, %v", len(good), err)
	}
	for what, text := range map[string]string{
		"a field that is none":      "providers:\n- {name: chat, type: slack, adr: https://x/" + secret + "}\n",
		"no file of that name":      "providers:\n- {name: chat, type: slack, addressFile: nowhere}\n",
		"a file that is too large":  "providers:\n- {name: chat, type: slack, addressFile: large}\n",
		"a name twice":              "providers:\n- &a {name: chat, type: slack, addressFile: address}\n- *a\n",
		"an address that is no URL": "providers:\n- {name: chat, type: slack, address: " + secret + "}\n",
		"sets of a chat":            "providers:\n- {name: c, type: slack, addressFile: address, sets: [eu]}\n",
		"a set that is no name": "providers:\n- {name: f, type: github, address: \"https://f.example\", repository: a/b, " +
			"secretFile: secret, sets: [../x]}\n",
		"no list": secret,
	} {
		if _, err := Load(write("bad.yaml", text)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
