// Package render prints lists as text, JSON, YAML or names alone.
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"sigs.k8s.io/yaml"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
)

// Format is the value of -o.
type Format string

// The formats of -o.
const (
	Text Format = "text"
	JSON Format = "json"
	YAML Format = "yaml"
	// Name is the first column alone, for a shell.
	Name Format = "name"
	// Wide is text with more columns, of commands that have them.
	Wide Format = "wide"
)

// Check refuses an unknown format before any work is done.
func (f Format) Check() error {
	switch f {
	case Text, JSON, YAML, Name:
		return nil
	}
	return fault.NewUsage("-o takes "+formats, "output format %q is unknown", string(f))
}

const formats = "text, json, yaml or name"

// Flag adds -o to a command.
func Flag(flags *pflag.FlagSet, format *Format) {
	flags.StringVarP((*string)(format), "output", "o", string(Text), "`format`: "+formats)
}

// FlagNoNames adds -o to a command whose output is no list of names.
func FlagNoNames(flags *pflag.FlagSet, format *Format) {
	flags.StringVarP((*string)(format), "output", "o", string(Text), "`format`: "+formatsNoNames)
}

// CheckNoNames is Check for such a command.
func (f Format) CheckNoNames() error {
	switch f {
	case Text, JSON, YAML:
		return nil
	case Name:
		return errNoNames()
	}
	return fault.NewUsage("-o takes "+formatsNoNames, "output format %q is unknown", string(f))
}

// FlagWide adds -o to a command that has more columns to show.
func FlagWide(flags *pflag.FlagSet, format *Format) {
	flags.StringVarP((*string)(format), "output", "o", string(Text), "`format`: "+formatsWide)
}

// CheckWide is Check for such a command.
func (f Format) CheckWide() error {
	if f == Wide || f.Check() == nil {
		return nil
	}
	return fault.NewUsage("-o takes "+formatsWide, "output format %q is unknown", string(f))
}

const formatsWide = "text, wide, json, yaml or name"

const formatsNoNames = "text, json or yaml"

func errNoNames() error {
	return fault.NewUsage("-o takes "+formatsNoNames+" here", "what is printed is no list of names")
}

// Table is a list as text.
type Table struct {
	Header []string
	Rows   [][]string
}

// Sort sorts rows by their first column, and leaves those that have the same in
// their order.
func (t Table) Sort() {
	slices.SortStableFunc(t.Rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
}

// Print writes data in the format; text is the table.
func (f Format) Print(w io.Writer, data any, table Table) error {
	switch f {
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(data)
	case YAML:
		out, err := yaml.Marshal(data)
		if err != nil {
			return err
		}
		_, err = w.Write(out)
		return err
	case Name:
		return table.names(w)
	}
	return table.print(w)
}

// Printable takes out what would move a terminal's cursor, or end a line: texts
// of commits and logs are somebody else's.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

// names prints the first column, each name once.
func (t Table) names(w io.Writer) error {
	if t.Header == nil {
		return errNoNames()
	}
	seen := map[string]bool{}
	for _, row := range t.Rows {
		if seen[row[0]] {
			continue
		}
		seen[row[0]] = true
		if _, err := fmt.Fprintln(w, Printable(row[0])); err != nil {
			return err
		}
	}
	return nil
}

// print pads between columns but not after the last one, so that lines can be
// compared and copied.
func (t Table) print(w io.Writer) error {
	if len(t.Rows) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 4, 3, ' ', 0)
	rows := t.Rows
	if t.Header != nil {
		rows = append([][]string{t.Header}, rows...)
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = Printable(cell); cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}
