// Package period writes spans of time as people do: 720h, not 720h0m0s. What it
// writes [time.ParseDuration] reads back, so days are hours: no flag takes 30d.
package period

import (
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Text is the shortest form of d that parses back to it.
func Text(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Var defines a flag as pflag does, with its default as [Text] in the help.
func Var(flags *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	flags.DurationVar(to, name, value, usage)
	flags.Lookup(name).DefValue = Text(value)
}
