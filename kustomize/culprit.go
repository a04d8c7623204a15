package kustomize

import (
	"path"
	"regexp"
)

// fault names the file of a refused object, and its line where that is known.
func (v *view) fault(refused *objectError) (file string, line int) {
	file = refused.file
	if file == "" && refused.stub != nil {
		file, _ = v.culprits(refused.stub)
		if file != refused.stub.Path {
			line = v.spelt(file, refused.key)
		}
	}
	if file != "" {
		return file, line
	}
	return v.blame(refused.id, refused.key)
}

// spelt is the first line of a file that has the key as a word, 0 for none.
func (v *view) spelt(file, key string) int {
	data, err := v.tree.ReadFile(file)
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
var changing = regexp.MustCompile(`(?m)(?:^|[\s{,])"?(patches|patchesStrategicMerge|patchesJson6902|replacements|transformers|generators|secretGenerator|configMapGenerator|vars|configurations)"?\s*:`)

// culprits names who may have spoiled a stub's object: the one kustomization
// that changes objects, if there is one; else the stub's file, and those that do.
func (v *view) culprits(stub *Stub) (file string, others []string) {
	for _, name := range v.filesRead() {
		if !isKustomizationName(path.Base(name)) {
			continue
		}
		if data, err := v.tree.ReadFile(name); err == nil && changing.Match(data) {
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
