// Package complete says what a shell offers at each place of bulla's command line.
//
// Whoever adds a command or a flag need not think of it: what a flag takes is read from
// the word in its usage, what an argument is from the word in the command's line. A
// shell waits for the answer, so that it comes in time or is empty; it comes from files
// on this machine alone, but where a command's own completion asks its cluster; and no
// error is ever printed into somebody's prompt.
package complete

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// patience is how long a shell waits.
const patience = 2 * time.Second

// Everywhere completes all flags and arguments of a command and those below it that do
// not say for themselves how.
func Everywhere(s *shell.Shell, cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { flag(s, cmd, f) })
	if cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() {
		arguments(s, cmd)
	}
	for _, child := range cmd.Commands() {
		if child.Name() != "help" && child.Name() != "completion" {
			Everywhere(s, child)
		}
	}
}

// flag completes one flag by the word in its usage.
func flag(s *shell.Shell, cmd *cobra.Command, f *pflag.Flag) {
	if _, said := cmd.GetFlagCompletionFunc(f.Name); said || f.Value.Type() == "bool" {
		return
	}
	word, usage := pflag.UnquoteUsage(f)
	if named[f.Name] {
		word = f.Name
	}
	var complete cobra.CompletionFunc
	switch offered := words[word]; {
	case listed[word]:
		complete = fixed(listIn(usage))
	case word == "folder":
		complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case files[word]:
		return // a shell completes files by itself
	case offered != nil:
		complete = from(s, offered)
	default:
		complete = cobra.NoFileCompletions
	}
	_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
}

// named are flags whose name says more than their word: "only of this `name`".
var named = map[string]bool{"cluster": true, "placement": true, "sealing-key": true, "variant": true}

// listed are the words of flags whose usage lists what they take.
var listed = map[string]bool{"format": true, "alphabet": true, "forge": true}

// files are the words of flags that take a file.
var files = map[string]bool{"file": true, "path": true, "export": true}

// offer is what there is on this machine; args are the arguments before.
type offer func(s *shell.Shell, args []string) []string

// words are what flags and arguments take, by the word that stands for it.
var words = map[string]offer{
	"cluster": clusters, "placement": placements, "set": sets, "target": targets, "namespace": namespaces,
	"context": contexts, "field": fields, "key": keys, "sealing-key": activeKey, "variant": variants,
	"revision": revisions, "branch": branches,
	"CLUSTER": clusters, "PLACEMENT": placements, "TARGET": targets, "STUB": stubs, "SECRET": secrets, "KEY": keys,
	"OLD": keys, "BASE": revisions, "HEAD": revisions,
	"SECRET|PLACEMENT": func(s *shell.Shell, args []string) []string {
		return append(secrets(s, args), placements(s, args)...)
	},
}

// arguments completes those of a command by the words of its line.
func arguments(s *shell.Shell, cmd *cobra.Command) {
	names, repeated := argumentsOf(cmd.Use)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) (
		[]string, cobra.ShellCompDirective,
	) {
		at := len(args)
		if at >= len(names) && repeated {
			at = len(names) - 1
		}
		if at >= len(names) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		name := names[at]
		switch {
		case name == "NAME" && cmd.Parent() != nil && cmd.Parent().Name() == "cluster":
			name = "CLUSTER"
		case name == "BASE" && cmd.Name() == "merge":
			name = "FILE"
		}
		offered := words[name]
		switch {
		case offered != nil:
			return from(s, offered)(cmd, args, typed)
		case name == "DIR":
			return nil, cobra.ShellCompDirectiveFilterDirs
		case name == "FILE" || name == "PATH":
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// argumentsOf reads "set STUB KEY", and says whether the last may stand again. Flags
// that a line shows are not arguments.
func argumentsOf(use string) (names []string, repeated bool) {
	flag := false
	for _, word := range strings.Fields(use)[1:] {
		name := strings.Trim(word, "[]{}")
		repeated = strings.HasSuffix(name, "...")
		name = strings.TrimSuffix(name, "...")
		switch {
		case strings.HasPrefix(name, "-"):
			flag = true
			continue
		case flag || name == "|":
			flag = false
			continue
		}
		names = append(names, name)
	}
	return names, repeated
}

// listIn reads "format: text, json or yaml".
func listIn(usage string) []string {
	_, list, _ := strings.Cut(usage, ": ")
	return strings.FieldsFunc(strings.ReplaceAll(list, " or ", ", "), func(r rune) bool { return r == ',' || r == ' ' })
}

func fixed(offered []string) cobra.CompletionFunc {
	return cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp)
}

// from offers what there is and begins as typed, if it is known in time.
func from(s *shell.Shell, offered offer) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		found := make(chan []string, 1)
		go func() { found <- offered(s, args) }()
		var all []string
		select {
		case all = <-found:
		case <-time.After(patience):
		}
		var fit []string
		for _, one := range all {
			if strings.HasPrefix(one, typed) {
				fit = append(fit, one)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}
