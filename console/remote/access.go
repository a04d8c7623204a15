package remote

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// access is git's environment for the credentials as the files have them now: who changes a
// Secret starts nothing anew. They are in no argument, which others on the machine see, and
// not in the clone.
func (c *Clone) access() ([]string, error) {
	if c.credentials == "" {
		return nil, nil
	}
	at := func(name string) string { return filepath.Join(c.credentials, name) }
	var failed error
	read := func(name string) string {
		data, err := os.ReadFile(at(name))
		if !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
		return strings.TrimSpace(string(data))
	}
	username, password, bearer := read("username"), read("password"), read("bearerToken")
	identity, hosts, authority := read("identity") != "", read("known_hosts") != "", read("ca.crt") != ""
	switch {
	case failed != nil:
		return nil, fault.New("the files are as of a Secret that Flux uses, and this process must be able to read them",
			"read --git-credentials: %w", failed)
	case username == "" && password == "" && bearer == "" && !identity && !authority:
		return nil, fault.New("username and password, bearerToken, identity and known_hosts, ca.crt: those that the "+
			"remote needs", "read --git-credentials: the folder has no credentials")
	case identity && !hosts:
		return nil, fault.New("ssh-keyscan HOST prints the keys; compare them with what the host's owners say",
			"read --git-credentials: there is an identity, and no known_hosts to know the host by")
	case (password != "" || bearer != "") && git.IsOpen(c.address):
		return nil, fault.NewUsage("use https or ssh", "--repository would carry the credentials over plain http")
	}
	var env []string
	if authority {
		env = append(env, "GIT_SSL_CAINFO="+at("ca.crt"))
	}
	if identity {
		env = append(env, "GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes "+
			"-o StrictHostKeyChecking=yes -o "+quoted("UserKnownHostsFile="+option(at("known_hosts")))+
			" -i "+quoted(at("identity")))
	}
	header := ""
	switch {
	case bearer != "":
		header = "Authorization: Bearer " + bearer
	case username != "" || password != "":
		header = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
	}
	if to := scope(c.address); header != "" && to != "" {
		env = append(env, "GIT_CONFIG_COUNT=2",
			fmt.Sprintf("GIT_CONFIG_KEY_0=http.%s.extraHeader", to), "GIT_CONFIG_VALUE_0="+header,
			"GIT_CONFIG_KEY_1=http.followRedirects", "GIT_CONFIG_VALUE_1=false")
	}
	return env, nil
}

// option is a path as ssh_config(5) reads one.
func option(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(path) + `"`
}

// quoted is a text for the shell that git runs ssh by.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
