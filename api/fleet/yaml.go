package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MergeMarkProblem is said of a file with merge marks, by whoever reads it.
const MergeMarkProblem = "has a merge mark: two branches changed it, and the merge is not finished; hint: " +
	"keep what is right of each side, or begin again: git checkout --merge FILE"

// ReadDocument reads the one YAML document of a file as a tree of nodes, a mapping,
// or says in which line it is not plain enough. Everything refused here is a way
// for two readers (a reviewer, the CLI, the key service, kustomize) to see
// different things in the same bytes, or to take more memory than the bytes are
// worth. Errors are *[ParseError].
//
// Nodes are as the library has them: see [NodeProblem] and [KeyProblem].
func ReadDocument(file string, data []byte, limit int) (*yaml.Node, error) {
	if len(data) > limit {
		return nil, &ParseError{
			File:    file,
			Line:    1,
			Problem: fmt.Sprintf("is %d bytes long, the limit is %d", len(data), limit),
		}
	}
	if err := checkText(file, data); err != nil {
		return nil, err
	}
	if line, ok := MergeMark(data); ok {
		return nil, &ParseError{File: file, Line: line, Problem: MergeMarkProblem}
	}
	if line, ok := BothSides(data); ok {
		return nil, &ParseError{File: file, Line: line, Problem: BothSidesProblem}
	}
	if manyValues(data) {
		return nil, &ParseError{File: file, Line: 1, Problem: fmt.Sprintf("has more than %d values", maxValues)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	document, err := decodeNode(decoder)
	if errors.Is(err, io.EOF) {
		return nil, &ParseError{File: file, Line: 1, Problem: "is empty"}
	}
	if err != nil {
		return nil, yamlError(file, data, err)
	}
	switch second, err := decodeNode(decoder); {
	case err == nil:
		return nil, &ParseError{File: file, Line: second.Line, Problem: "has a second document; write one document to a file"}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(file, data, err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, &ParseError{File: file, Line: 1, Problem: "is not a mapping"}
	}
	if line := checkDepth(document.Content[0], maxDepth); line > 0 {
		return nil, &ParseError{File: file, Line: line, Problem: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
	}
	return document.Content[0], nil
}

// decodeNode turns a panic of the YAML library into an error: the bytes are an
// attacker's, and the key service serves others.
func decodeNode(decoder *yaml.Decoder) (node *yaml.Node, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: cannot be parsed")
		}
	}()
	node = new(yaml.Node)
	return node, decoder.Decode(node)
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// tabbed is a tab among what a line is indented with, where YAML has spaces alone.
var tabbed = regexp.MustCompile(`^ *\t`)

func yamlError(file string, data []byte, err error) error {
	problem, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		line, _ = strconv.Atoi(m[1])
		problem = problem[len(m[0]):]
	}
	problem = strings.TrimPrefix(problem, "yaml: ")
	if lines := bytes.SplitN(data, []byte("\n"), line+1); line > 0 && line <= len(lines) && tabbed.Match(lines[line-1]) {
		problem += "; hint: indent with spaces, not with tabs"
	}
	return &ParseError{File: file, Line: line, Problem: "is not YAML: " + problem}
}

// checkText refuses bytes that look like other bytes, or like none, on a
// reviewer's screen.
func checkText(file string, data []byte) error {
	line := 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if problem := runeProblem(r, size); problem != "" {
			return &ParseError{File: file, Line: line, Problem: problem}
		}
		if r == '\n' {
			line++
		}
		i += size
	}
	return nil
}

func runeProblem(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size <= 1:
		return "is not UTF-8; hint: save it as UTF-8"
	case r == '\uFEFF':
		return "has a byte order mark; hint: save it as UTF-8 without one"
	case r == '\r':
		return "has a carriage return; hint: lines end with LF alone: " +
			"write `* -text` into .gitattributes, then take them out: " +
			"git grep --untracked -lIz $'\\r' | xargs -0 perl -pi -e 's/\\r$//'"
	case r < 0x20 && r != '\n' && r != '\t', r == 0x7F:
		return fmt.Sprintf("has the control character %U; hint: take it out", r)
	case r == '\u0085', r == '\u2028', r == '\u2029':
		return fmt.Sprintf("has the line separator %U, which editors and YAML count differently; hint: take it out", r)
	case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return fmt.Sprintf("has the bidirectional control %U, which hides text from reviewers; hint: take it out", r)
	}
	return ""
}
