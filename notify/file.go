package notify

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// maxFile bounds the file of providers and those that it names, in bytes.
const maxFile = 64 << 10

// providerFile is one provider as the operator writes it.
type providerFile struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Severity string `json:"severity"`
	Address  string `json:"address"`
	// AddressFile has the address where it is a secret, as that of a chat.
	AddressFile string   `json:"addressFile"`
	SecretFile  string   `json:"secretFile"`
	Repository  string   `json:"repository"`
	Sets        []string `json:"sets"`
}

// Load reads a file of providers, and the files that it names, beside it. No error
// repeats what is in them.
func Load(path string) ([]Provider, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Providers []providerFile `json:"providers"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("%s is not a list of providers, strictly", path)
	}
	names := map[string]bool{}
	var out []Provider
	for _, f := range file.Providers {
		p, err := f.read(path)
		if err != nil {
			return nil, err
		}
		if names[p.Name] {
			return nil, fmt.Errorf("two providers are called %q", p.Name)
		}
		names[p.Name] = true
		out = append(out, p)
	}
	return out, nil
}

func (f providerFile) read(path string) (Provider, error) {
	p := Provider{Name: f.Name, Type: f.Type, Severity: cmp.Or(f.Severity, Info), Address: f.Address,
		Repository: f.Repository, Sets: f.Sets}
	address, err := readBeside(path, f.AddressFile)
	if err == nil {
		p.Secret, err = readBeside(path, f.SecretFile)
	}
	if err != nil {
		return p, fmt.Errorf("provider %q: %w", f.Name, err)
	}
	p.Address = cmp.Or(string(address), p.Address)
	return p, p.Check()
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
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}
