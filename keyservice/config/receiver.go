package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/receiver"
)

// Receiver is where forges tell of a push. Without Listen there is none, and a push is
// seen at the next look.
type Receiver struct {
	// Listen is the address of a plain HTTP listener that serves webhooks alone. What
	// ends TLS stands in front of it.
	Listen string `yaml:"listen"`
	Hooks  []Hook `yaml:"hooks"`
}

// Hook is one webhook, sent to /hook/NAME.
type Hook struct {
	Name string        `yaml:"name"`
	Type receiver.Type `yaml:"type"`
	// SecretFile holds the secret that the forge has too, alone; line ends after it do
	// not count.
	SecretFile string `yaml:"secretFile"`
}

// maxHooks bounds the list.
const maxHooks = 100

func (r Receiver) check(m *mistakes) {
	m.when(r.Listen == "" && len(r.Hooks) > 0, "receiver.listen", "is missing", "receiver.hooks are of no use without it")
	m.when(r.Listen != "" && !isAddress(r.Listen), "receiver.listen", "is not ADDRESS:PORT", "for example 127.0.0.1:9292")
	m.when(r.Listen != "" && len(r.Hooks) == 0, "receiver.hooks", "is missing",
		"for example [{name: forge, type: github, secretFile: hook-secret}]")
	if len(r.Hooks) > maxHooks {
		m.when(true, "receiver.hooks", fmt.Sprintf("has more than %d entries", maxHooks), "")
		return
	}
	names := map[string]bool{}
	for n, hook := range r.Hooks {
		at := fmt.Sprintf("receiver.hooks[%d].", n)
		m.when(!protocol.IsPersonName(hook.Name), at+"name", fmt.Sprintf("%q is not a name", hook.Name),
			"lower-case letters, digits, '.', '_' and '-', at most 63")
		m.when(names[hook.Name], at+"name", fmt.Sprintf("%q stands twice", hook.Name), "each hook has a path of its own")
		m.when(!hook.Type.Known(), at+"type", fmt.Sprintf("%q is not a type of webhooks", string(hook.Type)),
			"one of "+hookTypes())
		m.when(hook.SecretFile == "", at+"secretFile", "is missing",
			"a file with the secret that the forge has: openssl rand -hex 32")
		names[hook.Name] = true
	}
}

func hookTypes() string {
	var names []string
	for _, kind := range receiver.Types() {
		names = append(names, string(kind))
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// Load reads the secrets of the hooks. A secret that is empty or short is an error: a
// stranger would guess it, and no hook is better than one that anybody may send.
func (r Receiver) Load() ([]receiver.Hook, error) {
	var hooks []receiver.Hook
	for _, hook := range r.Hooks {
		data, err := os.ReadFile(hook.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("read secret of webhook %q: %w", hook.Name, err)
		}
		secret := strings.TrimRight(string(data), "\r\n")
		if len(secret) < receiver.MinSecret {
			return nil, fmt.Errorf("read secret of webhook %q: %s holds fewer than %d bytes",
				hook.Name, hook.SecretFile, receiver.MinSecret)
		}
		hooks = append(hooks, receiver.Hook{Name: hook.Name, Type: hook.Type, Secret: []byte(secret)})
	}
	return hooks, nil
}
