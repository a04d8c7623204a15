package lookcmd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/internal/command"
)

// anyArgs wants one argument or more.
func anyArgs(usage string) cobra.PositionalArgs { return command.Args(usage, 1, 1000) }

// none wants no arguments.
func none(cmd *cobra.Command, given []string) error { return command.None(cmd, given) }

func hintOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}

// completeKinds completes a kind, then names of that kind that the cluster has; "" among
// the kinds is all of them.
func (a run) completeKinds(kinds ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		named := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "" })
		if len(args) == 0 {
			words := kube.Words(named...)
			if len(named) < len(kinds) {
				words = append(words, "all")
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		}
		kind, err := kube.KindOf(args[0], named...)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeNames(cmd, kind), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeNames asks the cluster that the flags name; where it cannot be asked there is
// nothing to complete.
func completeNames(cmd *cobra.Command, kind string) (names []string) {
	text := func(flag string) string { v, _ := cmd.Flags().GetString(flag); return v }
	cluster, err := kube.Connect(text("kubeconfig"), text("context"))
	if err != nil {
		return nil
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // a shell waits for it
	defer cancel()
	list, err := cluster.List(ctx, kind, text("namespace"), "")
	if err != nil {
		return nil
	}
	for _, o := range list.Items {
		names = append(names, o.GetName())
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
