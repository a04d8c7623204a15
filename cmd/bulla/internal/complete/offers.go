package complete

import (
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// names are those of a repository; none where there is none to be read.
func names(pick func(*model.Model) []string) offer {
	return func(s *shell.Shell, _ []string) []string {
		repo, err := s.Open()
		if err != nil {
			return nil
		}
		all := pick(repo.Model)
		slices.Sort(all)
		return slices.Compact(all)
	}
}

func keysOf[V any](of map[string]V, prefix string) (all []string) {
	for name := range of {
		all = append(all, prefix+name)
	}
	return all
}

var (
	clusters   = names(func(m *model.Model) []string { return keysOf(m.Clusters, "") })
	placements = names(func(m *model.Model) []string { return keysOf(m.Placements, "") })
	sets       = names(func(m *model.Model) []string { return keysOf(m.Sets, "") })
	targets    = names(func(m *model.Model) []string {
		return append(keysOf(m.Sets, "set/"), keysOf(m.Clusters, "cluster/")...)
	})
	namespaces = names(func(m *model.Model) (all []string) {
		for _, placement := range m.Placements {
			all = append(append(all, placement.Spec.Namespaces...), placement.Spec.TargetNamespace)
		}
		return slices.DeleteFunc(all, func(name string) bool { return name == "" })
	})
)

// stubs are the files of a repository that are stubs.
func stubs(s *shell.Shell, _ []string) []string { return s.StubFiles() }

// secrets are NAMESPACE/NAME of what the stubs of a repository say that they become.
func secrets(s *shell.Shell, _ []string) (all []string) {
	_, found := s.Stubs()
	for _, stub := range found {
		meta := stub.Manifest.Metadata
		all = append(all, strings.TrimPrefix(meta.Namespace+"/"+meta.Name, "/"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fields are those that the stub of the first argument seals.
func fields(s *shell.Shell, args []string) (all []string) {
	if len(args) == 0 {
		return nil
	}
	data, err := os.ReadFile(s.Named(args[0]))
	if err != nil {
		return nil
	}
	stub, err := built.ParseStub(args[0], data)
	if err != nil {
		return nil
	}
	return stub.Fields()
}

// keys are fields, as a Secret has them.
func keys(s *shell.Shell, args []string) (all []string) {
	for _, field := range fields(s, args) {
		if key, is := strings.CutPrefix(field, "/data/"); is {
			all = append(all, strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
		}
	}
	return all
}

// activeKey is the one key of the fleet that seals.
var activeKey = names(func(m *model.Model) []string {
	key, ok := m.Fleet.Spec.ActiveKey()
	if !ok {
		return nil
	}
	return []string{key.ID}
})

// variants are those of the placement that is the first argument, else of all.
func variants(s *shell.Shell, args []string) []string {
	return names(func(m *model.Model) (all []string) {
		for name, placement := range m.Placements {
			for _, variant := range placement.Spec.Variants {
				if len(args) == 0 || args[0] == name {
					all = append(all, variant.Name)
				}
			}
		}
		return all
	})(s, nil)
}

// contexts are those of the kubeconfig; no cluster is asked.
func contexts(*shell.Shell, []string) []string {
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return nil
	}
	all := keysOf(config.Contexts, "")
	slices.Sort(all)
	return all
}
