package kustomize

import "context"

// Auth is what the remote wants to see. The zero value is anonymous.
type Auth struct {
	// Username and Password are for HTTP basic authentication.
	Username, Password string
	// InsecureHTTP sends them over plain http:// to hosts other than loopback.
	InsecureHTTP bool
	// SSHKey is a private key in PEM, unencrypted. KnownHosts, in OpenSSH's
	// format, is required with it: a host that is not there is refused.
	SSHKey, KnownHosts []byte
	// CAFile holds PEM certificates that are trusted beside the system's.
	CAFile []byte
}

// String hides every credential.
func (Auth) String() string { return "credentials" }

// GoString hides every credential.
func (Auth) GoString() string { return "credentials" }

// Mirror is a bare copy of one ref of a repository. It is safe for concurrent
// use.
type Mirror struct {
}

// OpenMirror opens or makes the mirror in dir. Nothing goes over the network
// yet. url is http://, https://, ssh:// or user@host:path and must not hold a
// password; ref is a branch name or a full ref name.
func OpenMirror(dir, url, ref string, auth Auth, limits Limits) (*Mirror, error) {
	panic("not written yet")
}

// RemoteHead asks the remote which commit the ref points at, and takes nothing
// else: what an idle fleet costs.
func (m *Mirror) RemoteHead(ctx context.Context) (string, error) { panic("not written yet") }

// Head is the commit last fetched, "" before the first fetch.
func (m *Mirror) Head() string { panic("not written yet") }

// Fetch takes what the ref points at now and returns its hash. It moves forward
// only: a head that does not descend from [Mirror.Head] is
// [ErrHistoryRewritten], and the mirror stays as it was.
func (m *Mirror) Fetch(ctx context.Context) (hash string, err error) { panic("not written yet") }

// AcceptRewrite forgets [Mirror.Head], so that the next Fetch takes a head that
// does not descend from it. For an operator's decision only.
func (m *Mirror) AcceptRewrite() error { panic("not written yet") }

// Tree returns the validated tree of a commit.
func (m *Mirror) Tree(hash string) (*Tree, error) { panic("not written yet") }

// Contains reports whether the mirror holds a commit.
func (m *Mirror) Contains(hash string) bool { panic("not written yet") }

// Descends reports whether newHash is oldHash or has it among its ancestors.
// [ErrUnknownRevision] when the mirror lacks one of them.
func (m *Mirror) Descends(newHash, oldHash string) (bool, error) { panic("not written yet") }

// RawCommit returns the bytes of a commit object as Git hashed them, for
// signature checks: never re-encoded.
func (m *Mirror) RawCommit(hash string) ([]byte, error) { panic("not written yet") }
