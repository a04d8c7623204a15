// Package command is what the three programs want of their command lines, so that
// wrong usage is one kind of error everywhere, with one exit code.
package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
)

// Args wants a number of arguments, and does not quote them: see [Flag].
func Args(usage string, low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) < low || len(given) > high {
			return fault.NewUsage(cmd.CommandPath()+" --help shows examples",
				"%s takes %s, not %d arguments", cmd.CommandPath(), usage, len(given))
		}
		return together(cmd)
	}
}

// None wants no arguments; of a command that has others below it, one is a command
// that is none.
func None(cmd *cobra.Command, given []string) error {
	if len(given) > 0 && cmd.HasSubCommands() {
		return unknown(cmd, given[0])
	}
	return Args("no arguments", 0, 0)(cmd, given)
}

// Needs wants no arguments, and these flags.
func Needs(flags ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) > 0 {
			return unknown(cmd, given[0])
		}
		for _, name := range flags {
			if !cmd.Flags().Changed(name) {
				return fault.NewUsage("see "+cmd.CommandPath()+" --help", "--%s is missing", name)
			}
		}
		return together(cmd)
	}
}

// together asks cobra which flags are missing or stand beside one another, before
// cobra itself does: its own errors have no type.
func together(cmd *cobra.Command) error {
	if cmd.ValidateRequiredFlags() != nil {
		return missing(cmd)
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		hint := cmd.CommandPath() + " --help lists the flags"
		// Cobra names the flags that stand beside one another in its last brackets.
		if all := inBrackets.FindAllStringSubmatch(err.Error(), -1); len(all) > 1 &&
			strings.Contains(err.Error(), "none of the others") {
			return fault.NewUsage(hint, "--%s exclude one another", strings.Join(strings.Fields(all[len(all)-1][1]), " and --"))
		}
		return fault.NewUsage(hint, "%w", err)
	}
	return nil
}

var inBrackets = regexp.MustCompile(`\[([a-z -]+)\]`)

// missing names the flags that a command needs and was not given, with what each
// takes.
func missing(cmd *cobra.Command) error {
	var names, usages []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			what, usage := pflag.UnquoteUsage(f)
			names = append(names, "--"+f.Name)
			usages = append(usages, "--"+f.Name+" "+strings.ToUpper(what)+": "+usage)
		}
	})
	is := " is"
	if len(names) > 1 {
		is = " are"
	}
	return fault.NewUsage(strings.Join(usages, "; ")+" ("+cmd.CommandPath()+" --help shows examples)",
		"%s", strings.Join(names, ", ")+is+" missing")
}

// unknown says what somebody may have meant who typed a command that is none.
func unknown(cmd *cobra.Command, given string) error {
	if !cmd.HasAvailableSubCommands() {
		// Not quoted: it may be a PIN that lost its flag.
		return fault.NewUsage(cmd.CommandPath()+" --help lists its flags", "%s takes no arguments", cmd.CommandPath())
	}
	hint := cmd.CommandPath() + " --help lists the commands"
	var known []string
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			known = append(known, below.Name())
		}
	}
	if near := closest.Name(given, known); near != "" {
		hint = fmt.Sprintf("did you mean %s %s? %s", cmd.CommandPath(), near, hint)
	}
	return fault.NewUsage(hint, "unknown command %q for %q", given, cmd.CommandPath())
}

// Helpers gives a program cobra's help and completion commands. Cobra's own print a
// help text, and succeed, for a command or a shell that there is not. Flags that take
// one value refuse a second one.
func Helpers(root *cobra.Command) {
	eachOnce(root)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, given []string) error {
				if found, rest, err := root.Find(given); err != nil || len(rest) > 0 {
					return unknown(found, append(rest, given...)[0])
				}
				return nil
			}
		case "completion":
			cmd.Args = None
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = None
			}
		}
	}
}
