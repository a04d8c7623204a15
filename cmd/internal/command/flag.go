package command

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/period"
)

// Flag turns the error of a flag into one of usage. Of the library's own texts none
// passes through: they repeat arguments, and what stands there may be a secret on
// its way to --from-literal, or one that lost its flag. Names are told, of flags
// that there are and of what looks like one.
func Flag(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help lists the flags"
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fault.NewUsage(hint, "unknown flag -%.1s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown.GetSpecifiedName(), hint)
	case errors.As(err, &bare):
		return fault.NewUsage(hint, "--%s needs a value", bare.GetFlag().Name)
	case errors.As(err, &invalid) && errors.Is(err, errTwice):
		return fault.NewUsage(hint, "--%s is given twice, and takes one value", invalid.GetFlag().Name)
	case errors.As(err, &invalid):
		name := invalid.GetFlag().Name
		return fault.NewUsage(cmp.Or(period.Hint(err), hint),
			"--%s takes %s, and what it was given is none", name, wants(invalid.GetFlag()))
	}
	return fault.NewUsage(hint, "there is a flag without a name")
}

// nameLike is what a mistyped flag looks like, and what few secrets do.
var nameLike = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

// longest is how long an unknown flag's name may be to be told.
const longest = 20

func unknownFlag(cmd *cobra.Command, name, hint string) error {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := closest.Name(name, known); near != "" {
		hint = "did you mean --" + near + "? " + hint
	}
	if len(name) > longest || !nameLike.MatchString(name) {
		return fault.NewUsage(hint+"; a value that begins with - is given as --FLAG=VALUE",
			"an argument begins with -- and is no flag")
	}
	return fault.NewUsage(hint, "unknown flag --%s", name)
}

// wants says what a flag takes.
func wants(f *pflag.Flag) string {
	switch kind := f.Value.Type(); {
	case kind == "bool":
		return "true or false"
	case kind == "duration":
		return "a duration"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a number"
	case strings.HasSuffix(kind, "Slice"):
		return "a list, with commas between"
	}
	return "a value of its own kind"
}
