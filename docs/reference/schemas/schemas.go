// Package schemas has the JSON Schemas of bulla's kinds, as fixtures/schemas writes
// them: for editors, and for whoever checks files without bulla.
//
// A schema knows fields, types and words. What one field demands of another, and what a
// fleet demands of its files, `bulla validate` alone can say.
package schemas

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed bulla.dev/*.json
var files embed.FS

const (
	group   = "bulla.dev"
	version = "v1alpha1"
	// address is where editors fetch a schema. A file names its version, so that what an
	// address gives changes only as a version may.
	address = "https://raw.githubusercontent.com/bulla-dev/bulla/main/docs/reference/schemas/"
)

// Kinds are the kinds that have a schema, in lower case, sorted.
func Kinds() []string {
	names, _ := fs.Glob(files, group+"/*.json") // fails for a bad pattern only
	kinds := make([]string, len(names))
	for i, name := range names {
		kinds[i], _, _ = strings.Cut(path.Base(name), "_")
	}
	slices.Sort(kinds)
	return kinds
}

// Name is where a catalogue of schemas has that of a kind: GROUP/KIND_VERSION.json.
func Name(kind string) string { return path.Join(group, strings.ToLower(kind)+"_"+version+".json") }

// Of is the schema of a kind, in any case; false for a kind that there is not.
func Of(kind string) ([]byte, bool) {
	data, err := files.ReadFile(Name(kind))
	return data, err == nil
}

// Modeline is the first line of a new file of a kind: editors that speak with
// yaml-language-server check what is typed. It is a comment, to bulla and to all who
// read YAML; the editor fetches the schema, and sends nothing of the file.
func Modeline(kind string) string {
	return "# yaml-language-server: $schema=" + address + Name(kind) + "\n"
}
