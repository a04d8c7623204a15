package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const notifySecret = "what the receiver and the controller know"

// notified is what a receiver of notifications got.
type notified struct {
	mu  sync.Mutex
	all strings.Builder
	// providers is the file that the controller is given; "" for none.
	providers string
}

func (n *notified) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all.Write(append(body, '\n'))
}

func (n *notified) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all.String()
}

// takeNotifications listens for CloudEvents, and writes the file that has them sent.
func (w *processWorld) takeNotifications() {
	w.Helper()
	server := httptest.NewServer(&w.notified)
	w.Cleanup(server.Close)
	w.write("notify-secret", notifySecret)
	w.notified.providers = w.path("providers.yaml")
	w.write("providers.yaml", "providers:\n- {name: all, type: cloudevents, secretFile: notify-secret, address: "+
		server.URL+"}\n")
}

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
	write("secret", notifySecret+"\n")
	write("address", "https://chat.example.com/"+notifySecret+"\n")
	write("large", strings.Repeat("a", maxNotifyFile+1))
	good, err := readProviders(write("providers.yaml", `providers:
- {name: chat, type: slack, severity: error, addressFile: address}
- {name: forge, type: github, address: "https://api.github.com", repository: acme/fleet, secretFile: secret}
`))
	if err != nil || len(good) != 2 || string(good[1].Secret) != notifySecret || good[1].Severity != "info" ||
		good[0].Address != "https://chat.example.com/"+notifySecret {
		t.Fatalf("%d providers, %v", len(good), err)
	}
	for what, text := range map[string]string{
		"a field that is none":      "providers:\n- {name: chat, type: slack, adr: https://x/" + notifySecret + "}\n",
		"no file of that name":      "providers:\n- {name: chat, type: slack, addressFile: nowhere}\n",
		"a file that is too large":  "providers:\n- {name: chat, type: slack, addressFile: large}\n",
		"a name twice":              "providers:\n- &a {name: chat, type: slack, addressFile: address}\n- *a\n",
		"an address that is no URL": "providers:\n- {name: chat, type: slack, address: " + notifySecret + "}\n",
		"no list":                   notifySecret,
	} {
		if _, err := readProviders(write("bad.yaml", text)); err == nil || strings.Contains(err.Error(), notifySecret) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
