package admission

import (
	"strconv"
	"strings"
)

// tokens takes a path as decoders write it apart: a.b[0].c.
func tokens(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// dotted is a path as people write it.
func dotted(path []string) string {
	var b strings.Builder
	for i, name := range path {
		switch {
		case isIndex(name) && i > 0:
			b.WriteString("[" + name + "]")
		case i > 0:
			b.WriteString("." + name)
		default:
			b.WriteString(name)
		}
	}
	return b.String()
}

// named is a path without the numbers of elements.
func named(path []string) []string {
	var names []string
	for _, name := range path {
		if !isIndex(name) {
			names = append(names, name)
		}
	}
	return names
}

func isIndex(name string) bool {
	_, err := strconv.ParseUint(name, 10, 31)
	return err == nil
}

// pointer is a path as a JSON pointer (RFC 6901).
func pointer(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + escape.Replace(name))
	}
	return b.String()
}
