package blame

import (
	"path"
	"regexp"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Suspects are the files that one build read.
type Suspects struct {
	Tree *tree.Tree
	// Files are sorted.
	Files []string
}

// Fault names the file of a refused object, and its line where that is known.
func (s Suspects) Fault(refused *built.Refused) (file string, line int) {
	file = refused.File
	if file == "" && refused.Stub != nil {
		file, _ = s.Culprits(refused.Stub)
		if file != refused.Stub.Path {
			line = s.spelt(file, refused.Key)
		}
	}
	if file != "" {
		return file, line
	}
	return Origin(s.Tree, s.Files, refused.ID, refused.Key)
}

// spelt is the first line of a file that has the key as a word, 0 for none.
func (s Suspects) spelt(file, key string) int {
	data, err := s.Tree.ReadFile(file)
	if err != nil || key == "" {
		return 0
	}
	at := regexp.MustCompile(`(?:^|[\s{,"'/])` + regexp.QuoteMeta(key) + `(?:$|[\s},"':])`).FindIndex(data)
	if at == nil {
		return 0
	}
	return lineAt(data, at[1]-1)
}

// changing matches the fields of a kustomization that change or make objects
// beyond their names, labels and images.
var changing = regexp.MustCompile(`(?m)(?:^|[\s{,])"?(patches|patchesStrategicMerge|patchesJson6902|replacements|` +
	`transformers|generators|secretGenerator|configMapGenerator|vars|configurations)"?\s*:`)

// Culprits names who may have spoiled a stub's object: the one kustomization
// that changes objects, if there is one; else the stub's file, and those that do.
func (s Suspects) Culprits(stub *built.Stub) (file string, others []string) {
	for _, name := range s.Files {
		if !loose.IsKustomization(path.Base(name)) {
			continue
		}
		if data, err := s.Tree.ReadFile(name); err == nil && changing.Match(data) {
			others = append(others, name)
		}
	}
	if len(others) == 1 {
		return others[0], nil
	}
	const most = 5
	if len(others) > most {
		others = append(others[:most], "and more")
	}
	if stub != nil {
		file = stub.Path
	}
	return file, others
}
