package command_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/internal/command"
)

// tool is a small program: its root wants nothing, `put` a file and --name.
func tool() *cobra.Command {
	done := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "tool", SilenceErrors: true, SilenceUsage: true, Args: command.None, RunE: done}
	root.SetFlagErrorFunc(command.Flag)
	put := &cobra.Command{Use: "put FILE", Args: command.Args("one file", 1, 1), RunE: done}
	put.Flags().String("name", "", "`name` of it")
	put.Flags().Int("size", 0, "size")
	put.Flags().Bool("all", false, "all of them")
	put.MarkFlagsMutuallyExclusive("name", "all")
	get := &cobra.Command{Use: "get", Args: command.Needs("key"), RunE: done}
	get.Flags().String("key", "", "`key` of it")
	root.AddCommand(put, get)
	command.Helpers(root)
	return root
}

// TestWrongUsageIsOneKindOfError: it has one exit code and a hint, and never an
// argument that may be a value in the wrong place.
func TestWrongUsageIsOneKindOfError(t *testing.T) {
	for line, want := range map[string]string{
		"put file":                         "",
		"put file --name x":                "",
		"put":                              "tool put takes one file, not 0 arguments",
		"put hunter2 hunter3":              "tool put takes one file, not 2 arguments",
		"put file --nam x":                 "unknown flag --nam",
		"put file --hunter2=x":             "an argument begins with -- and is no flag",
		"put file --size hunter2":          "--size takes a number, and what it was given is none",
		"put file --name":                  "--name needs a value",
		"put file --name x --name hunter2": "--name is given twice, and takes one value",
		"put file --size 1 --size 2":       "--size is given twice, and takes one value",
		"put file --all --all=false":       "",
		"put file --name x --all":          "--all and --name exclude one another",
		"get":                              "--key is missing",
		"got":                              `unknown command "got" for "tool"`,
		"get hunter2":                      "tool get takes no arguments",
		"completion no-such-shell":         `unknown command "no-such-shell" for "tool completion"`,
		"help no-such-command":             `unknown command "no-such-command" for "tool"`,
		"get --key x":                      "",
		"put file --size=1 --name=":        "",
	} {
		root := tool()
		root.SetArgs(strings.Fields(line))
		root.SetOut(&strings.Builder{})
		err := root.Execute()
		var f *fault.Error
		switch {
		case want == "" && err == nil:
		case want == "" || err == nil || err.Error() != want:
			t.Errorf("%s: %v, want %q", line, err, want)
		case !errors.As(err, &f) || f.Code != fault.Usage || f.Hint == "":
			t.Errorf("%s: it is no error of usage with a hint: %+v", line, f)
		case strings.Contains(err.Error()+f.Hint, "hunter"):
			t.Errorf("%s: it repeats an argument", line)
		}
	}
}
