package delivercmd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// mostFiles bounds what is read for a completion: a shell waits for it.
const mostFiles = 2000

// Complete completes the flags that name a workload.
func Complete(s *shell.Shell, cmd *cobra.Command) {
	for flag, end := range map[string]string{"env": "", "volume": ":/"} {
		_ = cmd.RegisterFlagCompletionFunc(flag,
			func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				repo, err := s.Open()
				if err != nil {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				var words []string
				for _, word := range workloads(repo.Tree) {
					words = append(words, word+end)
				}
				return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
			})
	}
}

// completeWired completes what the stub is wired to, and nothing that it is not.
func completeWired(s *shell.Shell) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		data, err := os.ReadFile(s.Named(args[0]))
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		stub, err := api.ParseSealedManifest(args[0], data)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return wired(stub.Spec.DeliverAs), cobra.ShellCompDirectiveNoFileComp
	}
}

// workloads are those that the files of a fleet have, as people type them. Wires are
// made before kustomize renames, so that names in files are the right ones.
func workloads(t *tree.Tree) []string {
	var words []string
	read := 0
	t.Walk("", func(file string, n *tree.Node) {
		ext := path.Ext(file)
		if n.Kind != tree.File || ext != ".yaml" && ext != ".yml" || read == mostFiles {
			return
		}
		if data, err := t.ReadFile(file); err == nil {
			read++
			words = append(words, workloadsIn(data)...)
		}
	})
	slices.Sort(words)
	return slices.Compact(words)
}

func workloadsIn(data []byte) []string {
	if api.ClaimsStub(data) {
		return nil
	}
	var words []string
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var o struct {
			Kind     string
			Metadata struct{ Name string }
		}
		err := decoder.Decode(&o)
		if word := strings.ToLower(o.Kind); err == nil && kinds[word] == o.Kind && o.Metadata.Name != "" {
			words = append(words, word+"/"+o.Metadata.Name)
		}
		var shape *yaml.TypeError
		if errors.Is(err, io.EOF) || err != nil && !errors.As(err, &shape) {
			return words // the rest of a file that is broken is for `bulla validate`
		}
	}
}
