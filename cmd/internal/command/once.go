package command

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errTwice reports a flag that takes one value and was given two.
var errTwice = errors.New("given twice")

// once is the value of a flag that is given once. The library takes the last of
// several without a word: `--for a --for b` would seal for b alone.
type once struct {
	pflag.Value
	given bool
	text  string
}

// Set takes the same value again: cobra reads a command line twice to complete it.
func (o *once) Set(text string) error {
	if o.given && text != o.text {
		return errTwice
	}
	o.given, o.text = true, text
	return o.Value.Set(text)
}

// eachOnce makes the flags of a command and of those below it refuse a second value.
// Global flags and the format of the output stay as they are: people give those in an
// alias and again by hand. So do lists, and switches, whose last word is meant.
func eachOnce(cmd *cobra.Command) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		single := f.Value.Type() == "string" || f.Value.Type() == "int"
		if _, wrapped := f.Value.(*once); single && !wrapped && f.Name != "output" && f.NoOptDefVal == "" {
			f.Value = &once{Value: f.Value}
		}
	})
	for _, below := range cmd.Commands() {
		eachOnce(below)
	}
}
