package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/notify"
)

// maxNotifyFile bounds the file of providers and those that it names, in bytes.
const maxNotifyFile = 64 << 10

// providerFile is one provider as the operator writes it.
type providerFile struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Severity string `json:"severity"`
	Address  string `json:"address"`
	// AddressFile has the address where it is a secret, as that of a chat.
	AddressFile string `json:"addressFile"`
	SecretFile  string `json:"secretFile"`
	Repository  string `json:"repository"`
}

const notifyHint = "docs/operations/notifications.md shows the file"

// readProviders reads a file of providers, and the files that it names, beside it. No
// error repeats what is in them.
func readProviders(path string) ([]notify.Provider, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, fault.NewUsage(notifyHint, "read --notify-config: %v", err)
	}
	var file struct {
		Providers []providerFile `json:"providers"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fault.NewUsage(notifyHint, "read --notify-config: it is not a list of providers, strictly")
	}
	names := map[string]bool{}
	var out []notify.Provider
	for _, f := range file.Providers {
		p := notify.Provider{Name: f.Name, Type: f.Type, Severity: cmp.Or(f.Severity, notify.Info),
			Address: f.Address, Repository: f.Repository}
		address, err := readBeside(path, f.AddressFile)
		if err == nil {
			p.Secret, err = readBeside(path, f.SecretFile)
		}
		if err != nil {
			return nil, fault.NewUsage(notifyHint, "read provider %q: %v", f.Name, err)
		}
		p.Address = cmp.Or(string(address), p.Address)
		if err := p.Check(); err != nil {
			return nil, fault.NewUsage(notifyHint, "read --notify-config: %v", err)
		}
		if names[p.Name] {
			return nil, fault.NewUsage(notifyHint, "read --notify-config: two providers are called %q", p.Name)
		}
		names[p.Name] = true
		out = append(out, p)
	}
	return out, nil
}

// readBeside reads a file that is named in another one, nothing where none is.
func readBeside(path, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(path), name)
	}
	content, err := readSmall(name)
	return bytes.TrimSpace(content), err
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxNotifyFile {
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), maxNotifyFile)
	}
	return os.ReadFile(path)
}

// addNotifications has changes of how things stand sent, where a file says to whom.
func addNotifications(mgr ctrl.Manager, path string, m *metrics.Metrics) error {
	if path == "" {
		return nil
	}
	providers, err := readProviders(path)
	if err != nil {
		return err
	}
	w := &notify.Watcher{Cache: mgr.GetCache()}
	for _, p := range providers {
		w.Senders = append(w.Senders, notify.NewSender(p, m))
	}
	if err := mgr.Add(w); err != nil {
		return fmt.Errorf("set up notifications: %w", err)
	}
	return nil
}
