package loose

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

func isJSON(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }

// Keys says which of apiVersion and kind a file has at the top of a document.
type Keys struct{ APIVersion, Kind bool }

// KeysOf looks at a file's lines: it is a stranger's, and not worth parsing in
// this process. Where lines are not enough (flow style, escapes, other encodings,
// merge keys) a file that mentions a key counts as having both: what cannot be
// told apart from an object is read, and kustomize says what is wrong with it.
func KeysOf(name string, data []byte) Keys {
	if isJSON(name) {
		return keysOfJSON(data)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return Keys{true, true}
	}
	var all Keys
	for _, document := range DocumentEnd.Split(string(data), -1) {
		k := keysOfDocument(document)
		all.APIVersion, all.Kind = all.APIVersion || k.APIVersion, all.Kind || k.Kind
	}
	return all
}

func keysOfJSON(data []byte) Keys {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		// A damaged manifest is an error, and one in YAML is read; data that is not
		// JSON at all is data.
		damaged := bytes.Contains(data, []byte("apiVersion")) && bytes.Contains(data, []byte("kind"))
		return Keys{damaged, damaged}
	}
	_, apiVersion := top["apiVersion"]
	_, kind := top["kind"]
	return Keys{apiVersion, kind}
}

// DocumentEnd matches where a document of a file ends.
var DocumentEnd = regexp.MustCompile(`(?m)^(?:---|\.\.\.)`)

var (
	// plainKey is the first line of a mapping in block style.
	plainKey = regexp.MustCompile(`^( *)["']?[A-Za-z0-9_./$-][^\\"'{\[]*["']?\s*:(?:\s|$)`)
	oddKey   = regexp.MustCompile(`^ *(?:"[^"]*\\|<<|\?|[&!*{\[])`)
)

func keysOfDocument(text string) Keys {
	mentioned := strings.Contains(text, "apiVersion") || strings.Contains(text, "kind") || strings.Contains(text, `\`)
	first, lines := contentLines(text)
	match := plainKey.FindStringSubmatch(first)
	if match == nil {
		return Keys{mentioned, mentioned}
	}
	var k Keys
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, match[1])
		if !ok || strings.HasPrefix(rest, " ") {
			continue
		}
		if oddKey.MatchString(rest) {
			return Keys{mentioned, mentioned}
		}
		k.APIVersion = k.APIVersion || hasKey(rest, "apiVersion")
		k.Kind = k.Kind || hasKey(rest, "kind")
	}
	return k
}

// contentLines leaves out comments, directives and what is empty.
func contentLines(text string) (first string, lines []string) {
	text = strings.TrimPrefix(text, "\uFEFF")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if bare := strings.TrimLeft(line, " \t"); bare == "" || bare[0] == '#' || line[0] == '%' {
			continue
		}
		if first == "" {
			first = line
		}
		lines = append(lines, line)
	}
	return first, lines
}

func hasKey(line, key string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, `"'`), key)
	return ok && strings.HasPrefix(strings.TrimLeft(rest, `"' `), ":")
}
