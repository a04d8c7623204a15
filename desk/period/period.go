// Package period writes spans of time as people do: 720h, not 720h0m0s. What it
// writes [time.ParseDuration] reads back, so days are hours: no flag takes 30d.
package period

import (
	"errors"
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

// Hint says how a span is written, when err is of a flag that takes one and was
// given something else; "" otherwise.
func Hint(err error) string {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "duration" {
		return "hours, minutes and seconds, such as --" + invalid.GetFlag().Name + " 36h or 1h30m; a day is 24h"
	}
	return ""
}

// Var defines a flag as pflag does, with its default as [Text] in the help.
func Var(flags *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	flags.DurationVar(to, name, value, usage)
	flags.Lookup(name).DefValue = Text(value)
}
