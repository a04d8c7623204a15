// Package sops reads files that SOPS encrypted, with the user's own sops program: its
// library has the clients of six clouds, and the program has the user's keys.
package sops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/desk/values"
)

// Reader reads files of Secret manifests in YAML or JSON, and .env files.
type Reader struct {
	Paths []string
	Files *haul.Files
	// Name of the Secret that a .env file becomes.
	Name string
}

// Read opens each file in memory.
func (r *Reader) Read(ctx context.Context) (*haul.Haul, error) {
	program, err := exec.LookPath("sops")
	if err != nil {
		return nil, fault.New("install SOPS (getsops.io), which opens files of all its kinds of keys",
			"find the program sops on the PATH: %w", err)
	}
	h := &haul.Haul{}
	for _, path := range r.Paths {
		if path == "-" {
			return nil, fault.NewUsage("name the file", "sops reads no standard input here")
		}
		data, err := r.Files.Read(path)
		if err != nil {
			return nil, err
		}
		if !encrypted(path, data) {
			h.Leave(haul.Name(path), "SOPS has not encrypted it",
				"bulla import secrets, or bulla import env, reads what is in the clear")
			continue
		}
		text, err := open(ctx, program, path)
		if err != nil {
			h.Leave(haul.Name(path), err.Error(), fault.Hint(err))
			continue
		}
		if err := r.take(h, path, text); err != nil {
			h.Leave(haul.Name(path), err.Error(), fault.Hint(err))
		}
	}
	h.Do("take the files of SOPS out of what applies them, in the same merge, and `spec.decryption` out of Flux's " +
		"Kustomization where nothing else needs it; who holds their keys opens all of Git's history")
	return h, nil
}

func isEnv(path string) bool { return strings.HasSuffix(path, ".env") }

func encrypted(path string, data []byte) bool {
	if isEnv(path) {
		return bytes.Contains(data, []byte("\nsops_mac=")) || bytes.HasPrefix(data, []byte("sops_mac="))
	}
	for _, doc := range haul.Documents(path, data) {
		if doc.Encrypted {
			return true
		}
	}
	return false
}

// codes are what sops exits with.
var codes = map[int]string{
	24: "its MAC does not open", 25: "its values do not open",
	51: "its MAC does not fit: somebody changed the file by hand", 52: "it has no MAC",
	128: "none of your keys opens it",
}

// open has sops print the file. What sops says is not passed on: it may tell of values
// by their hashes.
func open(ctx context.Context, program, path string) ([]byte, error) {
	abs, err := filepath.Abs(path) // no name is taken for a flag
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, program, "-d", abs).Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		why := codes[exit.ExitCode()]
		if why == "" {
			why = fmt.Sprintf("sops does not open it (exit code %d)", exit.ExitCode())
		}
		return nil, fault.New("`sops -d FILE > /dev/null` says more", "%s", why)
	case err != nil:
		return nil, fault.New("is sops a program that runs here?", "run sops: %w", err)
	}
	return out, nil
}

// take reads what sops printed.
func (r *Reader) take(h *haul.Haul, path string, text []byte) error {
	if isEnv(path) {
		if r.Name == "" {
			return fault.New("give --name NAME", "nothing says what the Secret is called")
		}
		set := values.Set{}
		if err := values.EnvText(set, path, text); err != nil {
			return err
		}
		secret := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: set}
		secret.Name = r.Name
		h.Items = append(h.Items, haul.Item{From: path, Secret: secret})
		return nil
	}
	for _, doc := range haul.Documents(path, text) {
		if doc.Kind != "Secret" {
			h.Leave(doc.At, "it is no v1 Secret", "sops -d FILE, and then bulla seal with what of it is secret")
			continue
		}
		secret, err := values.Parse(doc.Data)
		if err != nil {
			h.Leave(doc.At, err.Error(), "it must be a v1 Secret as `kubectl get secret NAME -o yaml` prints it")
			continue
		}
		h.Items = append(h.Items, haul.Item{From: doc.At, Secret: secret})
	}
	return nil
}
