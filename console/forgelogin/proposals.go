package forgelogin

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/desk/proposal"
)

// Proposals are what an account pushes branches with, and opens pull requests at: in the
// clone at a folder, whose remote is one at this forge.
func (f *Forge) Proposals(ctx context.Context, a *Account, folder, remote string) (
	proposal.Repository, forge.Place, error,
) {
	r := proposal.Repository{Folder: folder, Remote: remote, Env: proposal.Apart()}
	var none forge.Place
	token, err := f.token(ctx, a)
	if err != nil {
		return r, none, err
	}
	address, err := r.Address(ctx)
	if err != nil {
		return r, none, fmt.Errorf("propose as %s: %w", a.Login, err)
	}
	place, err := f.Place(address)
	if err != nil {
		return r, none, err
	}
	place.Token, place.TokenFrom = token, "your session"
	r.Env = append(r.Env, configured(f.settings(token, address, place.Web+"/"+place.Repository+".git"))...)
	return r, place, place.Ready()
}

// Place is where the repository of a remote is at this forge, without anybody's token.
// That it is the remote's host does not say that a token may go there: its address is
// that of the configuration.
func (f *Forge) Place(address string) (forge.Place, error) {
	place, err := forge.FromRemote(address, forge.Asked{Kind: f.config.Kind, URL: f.api()},
		func(string) string { return "" })
	if err != nil {
		return place, err
	}
	if place.Kind == "" {
		return place, fault.New("--forge and --forge-url are of the forge that has the fleet's repository",
			"the fleet's remote is no repository at %s", f.config.URL)
	}
	place.Through, place.TokenFrom = f.client.Transport, "your session"
	return place, nil
}

type setting struct{ key, value string }

// settings are of one push: from is what the clone calls the remote, to where it is at
// the forge. They are in the environment, which others on the machine do not see as they
// see arguments, and not in the clone, where they would stay.
func (f *Forge) settings(token, from, to string) []setting {
	basic := base64.StdEncoding.EncodeToString([]byte(f.kind.user + ":" + token))
	header := "http." + to + ".extraHeader"
	scheme, _, _ := strings.Cut(f.config.URL, ":")
	all := []setting{
		{"url." + to + ".insteadOf", from},
		// Empty ones take away what the clone has for reading: it is not the person's.
		{"credential.helper", ""}, {"http.extraHeader", ""}, {header, ""},
		{header, "Authorization: Basic " + basic},
		{"http.followRedirects", "false"},
		{"protocol.allow", "never"}, {"protocol." + scheme + ".allow", "always"},
		{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"}, {"commit.gpgSign", "false"},
	}
	if f.config.CAFile != "" {
		all = append(all, setting{"http.sslCAInfo", f.config.CAFile})
	}
	return all
}

// configured has git-config(1) take settings from the environment.
func configured(all []setting) []string {
	env := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(all))}
	for i, one := range all {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, one.key),
			fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, one.value))
	}
	return env
}
