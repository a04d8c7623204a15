// Package blame says which file of a repository is at fault when what it builds is
// refused: kustomize does not say, and renames things.
package blame

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

var nameLine = regexp.MustCompile(`(?m)(?:^|[\s{,-])"?name"?:\s*["']?([^\s"',}]+)`)

// Origin guesses which of a build's files an object came from: kustomize does not
// say, and renames things. It reads lines, not YAML: what broke a build is not
// worth parsing in this process. A field at fault may come from another file than
// its object, a patch: that one is named if it alone spells the field; "" asks for
// the object's own. The answer is "" when nothing fits.
func Origin(t *tree.Tree, files []string, id built.ObjectID, field string) (file string, line int) {
	if id.Kind != "" {
		return origin(t, files, id, field, `["']?`+regexp.QuoteMeta(id.Kind)+`(?:["']|\b|$)`)
	}
	if file, line = origin(t, files, id, "", noText); file != "" {
		return file, line
	}
	return origin(t, files, id, field, "")
}

// noText is a kind that is a number, a list, a mapping, a truth value or nothing.
const noText = `(?:[-+.\d\[{~]|true\b|false\b|null\b|$)`

// origin takes a manifest before a stub: a stub has the kind of its template, and who
// builds from one knows its file.
func origin(t *tree.Tree, files []string, id built.ObjectID, field, kind string) (file string, line int) {
	length, ofStub := 0, true
	var spelled []mention
	for _, name := range files {
		data, _ := t.ReadFile(name)
		if field != "" && bytes.Contains(data, []byte(field)) {
			spelled = append(spelled, mention{name, lineAt(data, bytes.Index(data, []byte(field)))})
		}
		stub := api.ClaimsStub(data)
		for _, n := range named(name, data, id.Kind, kind) {
			better := len(n.text) > length && stub == ofStub || ofStub && !stub
			if strings.Contains(id.Name, n.text) && better {
				file, line, length, ofStub = name, n.line, len(n.text), stub
			}
		}
	}
	if len(spelled) == 1 {
		return spelled[0].text, spelled[0].line
	}
	return file, line
}

// mention is a text and the line where it stands.
type mention struct {
	text string
	line int
}

func lineAt(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte("\n")) }

// named lists the names in the documents of a kind: a manifest says the kind, as
// the pattern has it, a kustomization generates it.
func named(file string, data []byte, kind, pattern string) []mention {
	says := regexp.MustCompile(`(?m)(?:^|[\s{,])["']?kind["']?[ \t]*:[ \t]*` + pattern)
	if loose.IsKustomization(path.Base(file)) {
		if kind == "" {
			return nil
		}
		says = regexp.MustCompile(regexp.QuoteMeta(strings.ToLower(kind[:1]) + kind[1:] + "Generator"))
	}
	var names []mention
	from := 0
	for _, end := range append(loose.DocumentEnd.FindAllIndex(data, -1), []int{len(data), len(data)}) {
		document := data[from:end[0]]
		if says.Match(document) {
			for _, match := range nameLine.FindAllSubmatchIndex(document, -1) {
				names = append(names, mention{string(document[match[2]:match[3]]), lineAt(data, from+match[2])})
			}
		}
		from = end[1]
	}
	return names
}
