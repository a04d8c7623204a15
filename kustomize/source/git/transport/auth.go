package transport

// Auth is what the remote wants to see. The zero value is anonymous.
type Auth struct {
	// Username and Password are for HTTP basic authentication.
	Username, Password string
	// InsecureHTTP sends them over plain http:// to hosts other than loopback, and
	// through a proxy.
	InsecureHTTP bool
	// SSHKey is a private key in PEM, unencrypted. KnownHosts, in OpenSSH's
	// format, is required with it: a host that is not there is refused.
	SSHKey, KnownHosts []byte
	// CAFile holds PEM certificates that are trusted beside the system's.
	CAFile []byte
	// Proxy is the way there.
	Proxy Proxy
}

// String hides every credential.
func (Auth) String() string { return "credentials" }

// GoString hides every credential.
func (Auth) GoString() string { return "credentials" }

// Limits bound what a remote may send, each in bytes.
type Limits struct {
	// Pack is the greatest size of one fetched pack.
	Pack int64
	// Refs is the greatest size of the list of refs.
	Refs int64
}
