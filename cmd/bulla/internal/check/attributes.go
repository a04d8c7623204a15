package check

import (
	"path"
	"strings"
)

// converting are the attributes of Git by which a checkout differs from what it keeps in
// more than the ends of lines.
var converting = []string{"working-tree-encoding", "filter", "ident"}

// checkAttributes: a checkout is checked, and clusters read what Git keeps. Who converts a
// file on the way has another text checked than the one that counts.
func (f *fleet) checkAttributes() {
	for _, entry := range f.tree.Files("") {
		if path.Base(entry.Path) != ".gitattributes" {
			continue
		}
		data, err := f.tree.ReadFile(entry.Path)
		if err != nil {
			continue
		}
		line := 0
		for text := range strings.Lines(string(data)) {
			line++
			if attribute := converts(text); attribute != "" {
				f.add(Finding{
					Warning: true, File: entry.Path, Line: line,
					Problem: attribute + " has a checkout differ from what Git keeps, which is what clusters read; " +
						"hint: take it out, or have a pre-receive hook check what Git keeps",
				})
			}
		}
	}
}

// converts is the attribute that a line sets, a macro's too, "" for none.
func converts(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return ""
	}
	for _, word := range words[1:] {
		for _, name := range converting {
			if rest, ok := strings.CutPrefix(word, name); ok && (rest == "" || rest[0] == '=') {
				return name
			}
		}
	}
	return ""
}
