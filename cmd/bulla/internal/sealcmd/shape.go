package sealcmd

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/values"
)

// shape are the flags of Secrets that many programs read alike, spelt as
// `kubectl create secret tls` and `docker-registry` spell them.
type shape struct {
	cert, key                         string
	server, username, password, email string
	passwordStdin                     bool
}

// hub is the registry that kubectl means where nobody names one.
const hub = "https://index.docker.io/v1/"

func (h *shape) flags(f *pflag.FlagSet) {
	f.StringVar(&h.cert, "cert", "",
		"`path` of a certificate in PEM, its chain after it: seals a Secret for TLS, with --key")
	f.StringVar(&h.key, "key", "", "`path` of the private key of --cert, in PEM")
	f.StringVar(&h.server, "docker-server", "",
		"`address` of a registry: seals a Secret to pull images (default: Docker Hub)")
	f.StringVar(&h.username, "docker-username", "", "`name` of the user at the registry")
	f.StringVar(&h.password, "docker-password", "", "`password` there (stays in your shell's history)")
	f.BoolVar(&h.passwordStdin, "docker-password-stdin", false,
		"take the password there from standard input; without it, it is asked for")
	f.StringVar(&h.email, "docker-email", "", "`address` of the user, for registries that want one")
}

func (h shape) docker() bool {
	return h.server+h.username+h.password+h.email != "" || h.passwordStdin
}

// kind is the type of the Secret that the flags make, "" where they make none.
func (h shape) kind() corev1.SecretType {
	switch {
	case h.cert != "":
		return corev1.SecretTypeTLS
	case h.docker():
		return corev1.SecretTypeDockerConfigJson
	}
	return ""
}

// add reads the files that the flags name into the keys that the Secret's readers ask
// for. It leaves a registry's password to [shape.registry].
func (h shape) add(source *values.Source, set values.Set) error {
	switch {
	case h.key != "" && h.cert == "":
		return fault.NewUsage("give --cert PATH too; a sealing key of the fleet is named with --sealing-key ID",
			"--key is the private key of --cert")
	case h.cert != "" && h.key == "":
		return fault.NewUsage("give --key PATH too", "--cert has a private key")
	case h.cert != "" && h.docker():
		return fault.NewUsage("seal two stubs", "a Secret is for TLS or for a registry, not for both")
	case h.cert != "":
		return h.pair(source, set)
	case strings.Contains(h.username, ":"):
		return fault.NewUsage("give the name alone: the password is asked for, or taken by --docker-password-stdin",
			"--docker-username has a colon: a kubelet takes what stands after it for the password")
	case h.docker() && h.username == "":
		return fault.NewUsage("give --docker-username NAME", "nothing says who pulls images from the registry")
	}
	return nil
}

// pending is a registry's entry, whose password may be asked for.
func (h shape) pending() []*single {
	if !h.docker() {
		return nil
	}
	return []*single{{key: corev1.DockerConfigJsonKey, read: h.registry}}
}

func (h shape) pair(source *values.Source, set values.Set) error {
	if err := source.FileOf(set, "--cert", corev1.TLSCertKey, h.cert); err != nil {
		return err
	}
	if err := source.FileOf(set, "--key", corev1.TLSPrivateKeyKey, h.key); err != nil {
		return err
	}
	for _, of := range [][2]string{{"--cert", corev1.TLSCertKey}, {"--key", corev1.TLSPrivateKeyKey}} {
		if !bytes.Contains(set[of[1]], []byte("-----BEGIN ")) {
			return fault.New("give the file in PEM, with its line -----BEGIN …", "%s: the file is no PEM", of[0])
		}
	}
	return nil
}

// registry makes the JSON that a kubelet reads, as kubectl makes it.
func (h shape) registry(source *values.Source, set values.Set) error {
	password, err := h.secret(source)
	if err != nil {
		return err
	}
	if len(password) == 0 {
		return fault.NewUsage(fromStdin, "the password of the registry's user is empty")
	}
	text, err := json.Marshal(map[string]any{"auths": map[string]any{cmp.Or(h.server, hub): entry{
		h.username, string(password), h.email, base64.StdEncoding.EncodeToString([]byte(h.username + ":" + string(password))),
	}}})
	if err != nil {
		return err
	}
	return source.Value(set, corev1.DockerConfigJsonKey, text)
}

const fromStdin = "give --docker-password-stdin"

type entry struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Email    string `json:"email,omitempty"`
	Auth     string `json:"auth"`
}

// secret is the password: given, piped, or asked for.
func (h shape) secret(source *values.Source) ([]byte, error) {
	switch {
	case h.password != "" && h.passwordStdin:
		return nil, fault.NewUsage("give one of them", "--docker-password and --docker-password-stdin exclude one another")
	case h.password != "":
		return []byte(h.password), nil
	case h.passwordStdin:
		given := values.Set{}
		if err := source.Input(given, "password"); err != nil {
			return nil, err
		}
		// As docker login: a password ends where its line ends.
		return bytes.TrimRight(given["password"], "\r\n"), nil
	}
	password, err := shell.Hidden("Password of the registry's user (not shown)")
	if errors.Is(err, shell.ErrNoTerminal) {
		return nil, fault.NewUsage(fromStdin, "nothing gives the password of the registry's user, and there is %w", err)
	}
	return password, err
}
