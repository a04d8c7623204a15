package admission

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
)

// issued is a certificate, its key, and both in PEM.
type issued struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	pem     string
	private string
}

// issue signs a certificate by another one, or by itself.
func issue(t *testing.T, name string, by *issued, from, to time.Time) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key, inPEM("CERTIFICATE", der), inPEM("PRIVATE KEY", text)}
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestACertificateIsHeldAgainstItsKeyItsChainAndTheTime(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	from, to := now.AddDate(0, -1, 0), now.AddDate(1, 0, 0)
	root := issue(t, "root", nil, from, to)
	middle := issue(t, "middle", root, from, to)
	leaf := issue(t, "leaf", middle, from, to)
	for name, c := range map[string]struct {
		cert, key string
		want      string
		refused   bool
	}{
		"a pair":             {leaf.pem, leaf.private, "", false},
		"a chain":            {leaf.pem + middle.pem + root.pem, leaf.private, "", false},
		"another's key":      {leaf.pem, root.private, "is the key of another certificate than the first", true},
		"the root first":     {middle.pem + leaf.pem, leaf.private, "is the key of certificate 2 in tls.crt", true},
		"a chain in a mess":  {leaf.pem + root.pem + middle.pem, leaf.private, "certificate 2 is not the issuer", false},
		"a link is missing":  {leaf.pem + root.pem, leaf.private, "certificate 2 is not the issuer", false},
		"no PEM":             {"battery", "horse", "are not a certificate and its key in PEM", false},
		"a key that is none": {leaf.pem, leaf.pem, "are not a certificate and its key in PEM", false},
	} {
		problems := pair([]byte(c.cert), []byte(c.key), now)
		told(t, name, problems, c.want, c.refused)
	}
	for when, want := range map[time.Time]string{
		from.AddDate(0, 0, -1): "begins on 2026-10-29", to.AddDate(0, 0, 1): "has ended on 2027-11-29",
		to.AddDate(0, 0, -13): "ends on 2027-11-29", to.AddDate(0, 0, -15): "",
	} {
		told(t, when.String(), pair([]byte(leaf.pem), []byte(leaf.private), when), want, false)
	}
}

// told wants one problem or none, with or without a refusal.
func told(t *testing.T, name string, problems []Problem, want string, refused bool) {
	t.Helper()
	switch {
	case want == "" && len(problems) == 0:
	case want == "" || len(problems) != 1 || !strings.Contains(problems[0].String(), want):
		t.Errorf("%s: %v, want %q", name, problems, want)
	case problems[0].Warning == refused:
		t.Errorf("%s: refused is %v", name, !refused)
	}
}

func TestAnSSHKeyIsReadAsSSHReadsIt(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	line := authorized(t, public)
	open, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("horse"))
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(open))
	with := func(name, text string) map[string]string { return map[string]string{"ssh-privatekey": key, name: text} }
	alone := func(text string) map[string]string { return map[string]string{"ssh-privatekey": text} }
	for name, c := range map[string]struct {
		values  map[string]string
		want    string
		refused bool
	}{
		"a key":                    {alone(key), "", false},
		"with its hosts":           {with("known_hosts", "# x\ngit.example.com "+line), "", false},
		"with its public half":     {with("ssh-publickey", line), "", false},
		"with another's":           {with("ssh-publickey", authorized(t, other)), "another key", true},
		"under a passphrase":       {alone(string(pem.EncodeToMemory(locked))), "passphrase", false},
		"the public half":          {alone(line), "it is a public key", true},
		"no key":                   {alone("battery"), "no private key", true},
		"without its last newline": {alone(strings.TrimSpace(key)), "does not end", false},
		"hosts that are none":      {with("known_hosts", "\ngit.example.com\n"), "line 2 is none", true},
		"no hosts":                 {with("known_hosts", "# none\n"), "names no host", true},
	} {
		values := map[string][]byte{}
		for key, text := range c.values {
			values[key] = []byte(text)
		}
		told(t, name, Values(corev1.SecretTypeSSHAuth, values), c.want, c.refused)
	}
}

func authorized(t *testing.T, key ed25519.PublicKey) string {
	t.Helper()
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(public))
}

func TestRegistriesAndNamesAreHeldAgainstTheirReaders(t *testing.T) {
	good := base64.StdEncoding.EncodeToString([]byte("app:horse"))
	for text, c := range map[string]struct {
		want    string
		refused bool
	}{
		`{"auths": {"r.example.com": {"auth": "` + good + `"}}}`:           {"", false},
		`{"auths": {"r.example.com": {"username": "a", "password": "b"}}}`: {"", false},
		`{"auths": {"r.example.com": {"auth": "horse"}}}`:                  {"is not base64 of USER:PASSWORD", false},
		`{"auths": {"r.example.com": {}}, "credsStore": "desktop"}`:        {"in its credential store", false},
		`{"auths": {"r.example.com": {}}}`:                                 {"", false},
		`{"auths": {"r.example.com": {"auth": "` + good + `"}, "s.example.com":{}}, "credHelpers": {"s.example.com": "x"}}`: {
			"registry 2, by their names", false},
	} {
		values := map[string][]byte{corev1.DockerConfigJsonKey: []byte(text)}
		told(t, text, Values(corev1.SecretTypeDockerConfigJson, values), c.want, c.refused)
	}
	told(t, "a name", Values(corev1.SecretTypeBasicAuth, map[string][]byte{"username": []byte("app")}), "", false)
	told(t, "a name with a colon", Values(corev1.SecretTypeBasicAuth, map[string][]byte{"username": []byte("a:b")}),
		"a name with a colon", true)
}
