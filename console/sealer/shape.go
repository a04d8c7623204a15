package sealer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/canonical"
	"github.com/bulla-dev/bulla/sealing/value"
)

// What a page gives in the place of keys, where a shape puts the value together.
const (
	// EnvText is a whole .env file.
	EnvText = ".env"
	// Server, Username and Secret are the parts of a registry's entry.
	Server   = "server"
	Username = "username"
	Secret   = "password"

	dockerKey = ".dockerconfigjson"
	hub       = "https://index.docker.io/v1/"
)

// Keys are the names of the variables in a .env file, sorted.
func Keys(text []byte) ([]string, error) {
	all, err := envOf(text)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(all)), nil
}

func envOf(text []byte) (map[string][]byte, error) {
	all, err := value.Env(text)
	if err != nil {
		return nil, &Error{err.Error(), "write KEY=VALUE, each on one line"}
	}
	if len(all) == 0 {
		return nil, &Error{"there is no line KEY=VALUE", "paste the lines of the file"}
	}
	return all, nil
}

// shaped are the values as the readers of a shape want them.
func (j Job) shaped(values map[string][]byte) (map[string][]byte, error) {
	switch j.Shape {
	case "env":
		if text, pasted := values[EnvText]; pasted {
			return envOf(text)
		}
	case "registry":
		if _, parts := values[Username]; parts {
			return registry(values)
		}
	case "tls":
		for key, what := range map[string]string{"tls.crt": "certificate", "tls.key": "private key"} {
			if text, given := values[key]; given && !bytes.Contains(text, []byte("-----BEGIN ")) {
				return nil, &Error{fmt.Sprintf("the %s is no PEM", what), "choose the file that begins with -----BEGIN"}
			}
		}
		if bytes.Contains(values["tls.crt"], []byte("PRIVATE KEY-----")) {
			return nil, &Error{"the certificate has a private key in it", "choose the certificate, and the key in its own field"}
		}
	case "ssh":
		if text, given := values["ssh-privatekey"]; given && !bytes.Contains(text, []byte("PRIVATE KEY-----")) {
			return nil, &Error{"this is no private key of SSH", "choose the file without .pub at its end"}
		}
	case "basic":
		if bytes.ContainsRune(values["username"], ':') {
			return nil, &Error{"a name with a colon cannot be used", "what stands after it is taken for the password"}
		}
	}
	// Both halves of a pair, in a change of one that is there too.
	if cert, key := values["tls.crt"], values["tls.key"]; cert != nil && key != nil {
		if err := checkPair(cert, key, j.Shape == "tls"); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// registry makes the JSON that a kubelet reads, as kubectl makes it.
func registry(parts map[string][]byte) (map[string][]byte, error) {
	server, user, secret := strings.TrimSpace(string(parts[Server])), string(parts[Username]), string(parts[Secret])
	switch {
	case user == "" || secret == "":
		return nil, &Error{"a registry needs a user and a password", "type both"}
	case strings.Contains(user, ":"):
		return nil, &Error{"a name with a colon cannot be used", "what stands after it is taken for the password"}
	case server == "":
		server = hub
	}
	text, err := canonical.JSON(map[string]any{"auths": map[string]any{server: map[string]string{
		"username": user, "password": secret, "auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + secret)),
	}}})
	if err != nil {
		return nil, &Error{"the registry's entry cannot be written", "type it again"}
	}
	return map[string][]byte{dockerKey: text}, nil
}
