package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// Repository is the fleet repository as the service reads it.
type Repository struct {
	URL string `yaml:"url"`
	// Ref is a branch name or a full ref name. Default main.
	Ref string `yaml:"ref"`
	// Tag and SemVer choose a commit of that branch by its tags, in the place of the
	// newest: see [git.Tags]. One of them at most. FleetSyncs must say the same.
	Tag    string `yaml:"tag"`
	SemVer string `yaml:"semver"`
	// Interval between looks at the remote's head. Default 15s.
	Interval Duration `yaml:"interval"`
	// MaxAge is how long ago the remote may have been seen last at the accepted
	// head, by any replica, for the service to unseal and rewrap. 0 is no bound.
	// Load's default is 72h: longer than a weekend, so that a Git host which
	// is down, or a branch whose tip is not accepted, stops no fleet before somebody
	// is back.
	MaxAge Duration `yaml:"maxAge"`
	// RefusedGrace is how long a tip may be seen and not be accepted (unsigned,
	// rewritten, of another root or fleet, broken) for the service to go on unsealing
	// and rewrapping at the head before. 0 is no bound. Load's default is 10m:
	// long enough to mend a branch that somebody broke, and too short to be of use to
	// who hides a revocation behind a commit that nobody accepts.
	RefusedGrace   Duration `yaml:"refusedGrace"`
	UsernameFile   string   `yaml:"usernameFile"`
	PasswordFile   string   `yaml:"passwordFile"`
	SSHKeyFile     string   `yaml:"sshKeyFile"`
	KnownHostsFile string   `yaml:"knownHostsFile"`
	CAFile         string   `yaml:"caFile"`
}

// RefHint is for a ref that is not there, or no branch at all.
const RefHint = "repository.ref is the name of a branch, such as main or refs/heads/main; `git ls-remote --heads URL` lists them"

// LeastBetweenSaves bounds how often a replica writes the row of its looks.
const LeastBetweenSaves = time.Minute

const (
	standardMaxAge       = 72 * time.Hour
	standardRefusedGrace = 10 * time.Minute
	longestMaxAge        = 90 * 24 * time.Hour
	leastGrace           = time.Minute
	// looksInMaxAge is how many looks in a row may fail at least. A replica that
	// does not see Git itself hears of another's look after two intervals.
	looksInMaxAge = 5
)

// check finds what no mirror can be made of, or cannot be followed.
func (r Repository) check(m *mistakes) {
	if err := git.CheckURL(r.URL); err != nil {
		m.when(true, "repository.url", strings.TrimPrefix(err.Error(), "repository URL: "),
			"https://HOST/PATH, ssh://HOST/PATH or git@HOST:PATH; a folder is not read: put a Git server in front of it")
	}
	m.when(git.CheckRef(r.Ref) != nil, "repository.ref", fmt.Sprintf("%q is not a branch", r.Ref), RefHint)
	if err := r.Tags().Check(); err != nil {
		field := "repository.tag"
		if r.Tag == "" {
			field = "repository.semver"
		}
		m.when(true, field, err.Error(), "name one tag, or a range of versions under semver, or neither")
	}
	m.when((r.UsernameFile != "" || r.PasswordFile != "") && git.IsOpen(r.URL), "repository.url",
		"would carry the credentials over plain http", "use https or ssh; http is for loopback, and for what anybody may read")
	interval, age, grace := time.Duration(r.Interval), time.Duration(r.MaxAge), time.Duration(r.RefusedGrace)
	least := looksInMaxAge * max(LeastBetweenSaves, interval)
	m.when(interval < time.Second, "repository.interval", "is shorter than 1s", "")
	m.when(age != 0 && (age < least || age > longestMaxAge), "repository.maxAge", fmt.Sprintf("is not between %gm and 2160h", least.Minutes()),
		"after so long without a look that found the accepted head nothing is unsealed: at least five intervals and 5m, or 0 for no bound")
	m.when(grace < 0 || grace > longestMaxAge || grace != 0 && grace < leastGrace, "repository.refusedGrace",
		fmt.Sprintf("is not between %gm and 2160h", leastGrace.Minutes()),
		"after so long at a tip that is not accepted nothing is unsealed; 0 for no bound")
}

// Tags say which commit of the branch is followed.
func (r Repository) Tags() git.Tags { return git.Tags{Tag: r.Tag, SemVer: r.SemVer} }

// Auth reads the credential files.
func (r Repository) Auth() (git.Auth, error) {
	var auth git.Auth
	var failed error
	read := func(path string) []byte {
		if path == "" {
			return nil
		}
		data, err := os.ReadFile(path)
		failed = errors.Join(failed, err)
		return data
	}
	auth.Username = strings.TrimSpace(string(read(r.UsernameFile)))
	auth.Password = strings.TrimSpace(string(read(r.PasswordFile)))
	auth.SSHKey, auth.KnownHosts, auth.CAFile = read(r.SSHKeyFile), read(r.KnownHostsFile), read(r.CAFile)
	if failed != nil {
		return git.Auth{}, fmt.Errorf("read repository credentials: %w", failed)
	}
	return auth, nil
}
