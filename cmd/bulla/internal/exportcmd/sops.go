package exportcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
)

// sops is values encrypted by the user's own program, as they are read by it.
type sops struct {
	recipients []string
	program    string
}

// Check finds the program. Ciphertext may lie in a working tree: it is meant to.
func (o *sops) Check(folder string) error {
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return fault.NewUsage("name a folder", "%s is no folder", folder)
	}
	for _, recipient := range o.recipients {
		if strings.HasPrefix(strings.ToUpper(recipient), "AGE-SECRET-KEY-") {
			return fault.NewUsage("give the public half, age1…, as `age-keygen -y FILE` prints it",
				"--age takes a recipient and no secret key")
		}
	}
	return o.find()
}

func (o *sops) find() (err error) {
	if o.program == "" {
		if o.program, err = exec.LookPath("sops"); err != nil {
			return fault.New("install SOPS (getsops.io)", "find the program sops on the PATH: %w", err)
		}
	}
	return nil
}

// Write has sops encrypt the text, each document by itself as SOPS has it, and looks
// through what it says is ciphertext. What sops says is not passed on: it may quote.
func (o *sops) Write(ctx context.Context, path string, text []byte) ([]byte, error) {
	if err := o.find(); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	args := []string{"--encrypt", "--input-type", "yaml", "--output-type", "yaml",
		"--encrypted-regex", "^(data|stringData)$", "--filename-override", abs}
	if len(o.recipients) > 0 {
		args = append(args, "--age", strings.Join(o.recipients, ","))
	}
	cmd := exec.CommandContext(ctx, o.program, append(args, "/dev/stdin")...)
	cmd.Stdin, cmd.Dir = bytes.NewReader(text), nearest(filepath.Dir(abs))
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return nil, fault.New("name recipients with --age, or write a creation rule for this path into .sops.yaml; "+
			"`echo a: b | sops -e --input-type yaml --filename-override FILE /dev/stdin` says more",
			"sops does not encrypt %s (exit code %d)", path, exit.ExitCode())
	case err != nil:
		return nil, fault.New("is sops a program that runs here?", "run sops: %w", err)
	}
	return out, checkSealed(path, text, out)
}

// nearest is the folder from which sops looks for its creation rules: it looks from
// where it runs.
func nearest(folder string) string {
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
	}
	return folder
}

// checkSealed refuses what sops did not encrypt: an environment or a .sops.yaml may tell
// it another rule, and the file is about to go to Git.
func checkSealed(path string, text, out []byte) error {
	have, want := haul.Documents(path, out), haul.Documents(path, text)
	if len(have) != len(want) {
		return fmt.Errorf("sops wrote %s of %s, not %d", plural.Of(len(have), "document"), path, len(want))
	}
	for i, doc := range have {
		var before, after struct {
			Data map[string]string `json:"data"`
			Sops map[string]any    `json:"sops"`
		}
		if yaml.Unmarshal(want[i].Data, &before) != nil || yaml.Unmarshal(doc.Data, &after) != nil ||
			len(after.Sops) == 0 || len(after.Data) != len(before.Data) {
			return fault.New("try it by hand: sops -e FILE", "what sops wrote of %s is no Secret that it encrypted", path)
		}
		for key, value := range after.Data {
			if _, ok := before.Data[key]; !ok || before.Data[key] != "" && !strings.HasPrefix(value, "ENC[") {
				return fault.New("look which rule of SOPS leaves it out", "sops left %s of %s in the clear", key, path)
			}
		}
	}
	return nil
}
