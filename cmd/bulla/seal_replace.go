package main

import (
	"os"
	"path"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/cmd/internal/yamltext"
)

// listStub puts the file under resources of the kustomization beside it, if there
// is one and it does not list the file yet.
func listStub(job *sealjob.Job) error {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		file := path.Join(path.Dir(job.File), name)
		data, err := os.ReadFile(job.Repo.Abs(file))
		if err != nil {
			continue
		}
		base := path.Base(job.File)
		edited, err := yamltext.AppendText(data, base, "resources")
		if err != nil {
			return fault.New("list "+base+" under resources there yourself, then seal", "edit %s: %w", file, err)
		}
		if string(edited) != string(data) {
			job.Also = map[string][]byte{file: edited}
		}
		return nil
	}
	return nil
}

// finishReplace writes the kustomization, and says what no tool can undo.
func (a *app) finishReplace(job *sealjob.Job) error {
	for file, data := range job.Also {
		old, err := os.ReadFile(job.Repo.Abs(file))
		if err != nil {
			return err
		}
		if err := atomicfile.Replace(job.Repo.Abs(file), old, data); err != nil {
			return err
		}
		a.Printf("%s: lists %s\n", file, path.Base(job.File))
	}
	a.Notef("if %s was ever committed, its values stay in Git's history: change them where they are checked, and seal the new ones", job.File)
	return nil
}
