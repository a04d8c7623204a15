package importcmd

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/avp"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// maxManifest bounds a file that is looked through in a folder, in bytes.
const maxManifest = 4 << 20

func newVaultPlugin(s *shell.Shell) *cobra.Command {
	return &cobra.Command{
		Use: "argocd-vault-plugin PATH...", Aliases: []string{"avp"}, Short: "Report placeholders of argocd-vault-plugin",
		Long: pluginLong, Example: pluginExample,
		Args: command.Args("files or folders", 1, math.MaxInt),
		RunE: func(_ *cobra.Command, args []string) error { return reportPlaceholders(s, args) },
	}
}

func reportPlaceholders(s *shell.Shell, paths []string) error {
	files := &haul.Files{Stdin: s.Stdin}
	var found []avp.Placeholder
	looked := 0
	for _, path := range paths {
		in, err := manifestsIn(path)
		if err != nil {
			return err
		}
		for _, file := range in {
			data, err := files.Read(file)
			if err != nil {
				return err
			}
			looked++
			found = append(found, avp.In(file, data)...)
		}
	}
	for _, p := range found {
		s.Printf("%s\n", said(p))
	}
	if len(found) == 0 {
		s.Printf("no placeholder of argocd-vault-plugin in %s\n", plural.Of(looked, "file"))
		return nil
	}
	for _, what := range toDo(found) {
		s.Printf("to do: %s\n", line(what))
	}
	return &fault.Error{
		Code: fault.Findings, Hint: "each line above says where; nothing was changed",
		Err: fmt.Errorf("%s of argocd-vault-plugin", plural.Of(len(found), "placeholder")),
	}
}

// said is one line: where, of what, and whence the value comes.
func said(p avp.Placeholder) string {
	what := strings.TrimSpace(p.Object + " " + p.Field)
	if what != "" {
		what += ": "
	}
	version := ""
	if p.Version != "" {
		version = ", version " + p.Version
	}
	return line(fmt.Sprintf("%s:%d:%d: %s%s of %s%s", haul.Name(p.File), p.Line, p.Column, what, p.Key, p.Path, version))
}

// toDo is what a person does about them, once for each entry of Vault and for each
// object that is no Secret.
func toDo(found []avp.Placeholder) []string {
	var todo []string
	add := func(what string) {
		if !slices.Contains(todo, what) {
			todo = append(todo, what)
		}
	}
	for _, p := range found {
		if p.Secret {
			add(fmt.Sprintf("seal what %s has: vault kv get -format=json %s | bulla import vault - --name %s --for PLACEMENT",
				p.Object, printable.Word(p.Entry()), printable.Word(named(p.Object))))
		}
	}
	for _, p := range found {
		if !p.Secret && p.Object != "" {
			add(p.Object + " has a value in the clear once it is filled in: seal it as a Secret, and have it read from there")
		}
	}
	add("take the plugin out of the Application once no placeholder is left; `bulla import argocd-vault-plugin` says so")
	return todo
}

func named(object string) string {
	if i := strings.LastIndexAny(object, " /"); i >= 0 {
		return object[i+1:]
	}
	return object
}

// manifestsIn are the YAML and JSON files of a folder, or the file that is named. Links
// are not followed: what they name may be anywhere.
func manifestsIn(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New("name a file or a folder of manifests", "read %s: %w", haul.Name(path), err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(at)):
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Size() <= maxManifest {
			files = append(files, at)
		}
		return nil
	})
	return files, err
}
