package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error names the place of one mistake in a configuration file. Several are
// joined with [errors.Join], in the order of the file.
type Error struct {
	File    string
	Line    int
	Field   string
	Problem string
	// Hint says what to do; it may be empty.
	Hint string
}

func (e *Error) Error() string {
	place := fmt.Sprintf("%s:%d", e.File, e.Line)
	if e.Field != "" {
		place += ":" + e.Field
	}
	return place + ": " + e.Problem
}

// fieldLines gives the line on which a field, named with dots, stands.
type fieldLines map[string]int

func (l fieldLines) of(field string) int {
	for field != "" {
		if line, ok := l[field]; ok {
			return line
		}
		cut := strings.LastIndexByte(field, '.')
		if cut < 0 {
			break
		}
		field = field[:cut]
	}
	return 1
}

// maxMistakes bounds what is said of one file.
const maxMistakes = 20

// mistakes gathers what is wrong with one configuration. A field has one mistake,
// the first that is found: what follows from it is no news to who mends it.
type mistakes struct {
	file  string
	lines fieldLines
	// list has the first of them, more is how many were left out.
	list []*Error
	more int
	// excused are fields whose mistakes follow from another field's.
	excused []string
}

// when records a mistake where there is one.
func (m *mistakes) when(wrong bool, field, problem, hint string) {
	if wrong {
		m.add(m.lines.of(field), field, problem, hint)
	}
}

func (m *mistakes) add(line int, field, problem, hint string) {
	switch {
	case slices.Contains(m.excused, field):
	case slices.ContainsFunc(m.list, func(e *Error) bool { return isWithin(field, e.Field) || isWithin(e.Field, field) }):
	case len(m.list) == maxMistakes:
		m.more++
	default:
		m.list = append(m.list, &Error{File: m.file, Line: line, Field: field, Problem: problem, Hint: hint})
	}
}

// excuse says that mistakes of these fields follow from one that is told.
func (m *mistakes) excuse(fields ...string) { m.excused = append(m.excused, fields...) }

// isWithin reports whether a field is another one or a part of it.
func isWithin(field, whole string) bool {
	rest, ok := strings.CutPrefix(field, whole)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (m *mistakes) err() error {
	slices.SortStableFunc(m.list, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(m.list), len(m.list)+1)
	for i, e := range m.list {
		errs[i] = e
	}
	if m.more > 0 {
		errs = append(errs, &Error{File: m.file, Line: m.list[maxMistakes-1].Line, Problem: fmt.Sprintf("and %d mistakes more", m.more)})
	}
	return errors.Join(errs...)
}
