package proposal

import (
	"context"
	"os"
	"slices"
	"strings"
)

// passed are the variables of its own environment that a server gives to git: the way to a
// remote. None is of git itself: each of those could lead a push, and a token, elsewhere.
var passed = []string{"PATH", "TMPDIR", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY",
	"all_proxy", "NO_PROXY", "no_proxy"}

// Apart is git's environment in a server that works for several people: nobody's
// configuration, and nobody's credentials. Whoever started it may have tokens of their own.
func Apart() []string {
	env := []string{"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
	for _, one := range os.Environ() {
		if name, _, _ := strings.Cut(one, "="); slices.Contains(passed, name) {
			env = append(env, one)
		}
	}
	return env
}

// Run runs git in the repository for what has no method here. Its output has no line end.
func (r Repository) Run(ctx context.Context, args ...string) (string, error) {
	return r.git(ctx, call{args: args})
}
