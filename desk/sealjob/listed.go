package sealjob

import (
	"path"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Listed is the kustomization beside a stub's file with the file under its resources, if
// there is one and it does not list the file yet.
func Listed(t *tree.Tree, stub string) (map[string][]byte, error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		file := path.Join(path.Dir(stub), name)
		data, err := t.ReadFile(file)
		if err != nil {
			continue
		}
		base := path.Base(stub)
		edited, err := yamltext.AppendText(data, base, "resources")
		if err != nil {
			return nil, fault.New("list "+base+" under resources there yourself, then seal", "edit %s: %w", file, err)
		}
		if string(edited) != string(data) {
			return map[string][]byte{file: edited}, nil
		}
		return nil, nil
	}
	return nil, nil
}
