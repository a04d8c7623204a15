package fleet

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Bounds on the shape of a file. Size alone bounds nothing: two bytes of YAML are
// a node of two hundred, and what is nested is walked by recursion, with a path
// that grows by each level.
const (
	// maxDepth is the greatest number of mappings and lists inside each other.
	maxDepth = 64
	// maxValues is the greatest number of values in one file.
	maxValues = 1 << 16
)

// manyValues reports whether a text may hold more values than a file may. It is
// asked before the text is parsed: every value but the first stands behind one of
// these characters. Those that stand in quotes count too; no file of bulla's has
// nearly as many.
func manyValues(data []byte) bool {
	count := 0
	for i, c := range data {
		switch c {
		case ',', ':', '[', '{', '?':
			count++
		case '-':
			if i+1 == len(data) || data[i+1] == ' ' || data[i+1] == '\n' || data[i+1] == '\t' || data[i+1] == '\r' {
				count++
			}
		}
	}
	return count > maxValues
}

// checkDepth finds the line at which a document is nested too deeply, or 0.
func checkDepth(node *yaml.Node, depth int) int {
	if len(node.Content) == 0 {
		return 0
	}
	if depth == 0 {
		return max(1, node.Line)
	}
	for _, child := range node.Content {
		if line := checkDepth(child, depth-1); line > 0 {
			return line
		}
	}
	return 0
}

// step is one step of a path into a document. Paths become text for errors only:
// the text of every path in a file takes many times the file.
type step struct {
	parent *step
	key    string
	item   int // of a list, where there is no key
}

// String is the path as an error has it; the end of a long one.
func (s *step) String() string {
	text := ""
	for ; s != nil && len(text) < maxShown; s = s.parent {
		switch {
		case s.key == "":
			text = fmt.Sprintf("[%d]", s.item) + text
		case s.parent == nil:
			text = clip(s.key) + text
		default:
			text = "." + clip(s.key) + text
		}
	}
	return text
}

// maxShown bounds what an error repeats of a file, in bytes.
const maxShown = 400

// clip bounds a text.
func clip(text string) string {
	if len(text) <= maxShown {
		return text
	}
	cut := maxShown
	for cut > 0 && text[cut]&0xC0 == 0x80 { // not inside of a character
		cut--
	}
	return text[:cut] + "…"
}
