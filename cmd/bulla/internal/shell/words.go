package shell

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

// OneOf refuses the value of a flag that is none of those there are.
func OneOf(flag, value string, known []string) error {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return fault.NewUsage(closest.Hint(value, known)+"one of "+strings.Join(known, ", "),
		"--%s %q is unknown", flag, value)
}

// Nothing tells on standard error that a list is empty: what is on standard
// output stays for machines.
func (a *Shell) Nothing(rows int, what string) {
	if rows == 0 {
		fmt.Fprintf(a.Stderr, "nothing matched: %s\n", what)
	}
}

// OutputFlag adds -o to a command.
func OutputFlag(cmd *cobra.Command, format *render.Format) {
	render.Flag(cmd.Flags(), format)
}

// Names are what a fleet repository has, for the completion of flags.
type Names struct{ Clusters, Placements, Sets []string }

// CompleteFlags completes the flags of a command that name what the fleet has.
func (a *Shell) CompleteFlags(cmd *cobra.Command) {
	for flag, pick := range map[string]func(Names) []string{
		"cluster": func(n Names) []string { return n.Clusters }, "set": func(n Names) []string { return n.Sets },
		"for": func(n Names) []string { return n.Placements },
	} {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, a.CompleteNames(pick))
		}
	}
}

// CompleteNames completes the names that pick gives.
func (a *Shell) CompleteNames(pick func(Names) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		repo, err := a.Open()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var n Names
		for name := range repo.Model.Clusters {
			n.Clusters = append(n.Clusters, name)
		}
		for name := range repo.Model.Placements {
			n.Placements = append(n.Placements, name)
		}
		for name := range repo.Model.Sets {
			n.Sets = append(n.Sets, name)
		}
		slices.Sort(n.Clusters)
		slices.Sort(n.Sets)
		slices.Sort(n.Placements)
		fit := slices.DeleteFunc(pick(n), func(name string) bool { return !strings.HasPrefix(name, typed) })
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

// Ago is how long ago something was, by the service's clock.
func Ago(now time.Time, t *time.Time) string {
	if t == nil {
		return ""
	}
	return duration.HumanDuration(max(0, now.Sub(*t)))
}

// KubeFlags adds the flags by which kubectl finds a cluster.
func KubeFlags(cmd *cobra.Command, context, kubeconfig *string) {
	cmd.Flags().StringVar(context, "context", "", "kubeconfig `context` of the cluster")
	cmd.Flags().StringVar(kubeconfig, "kubeconfig", "",
		"`path` of the kubeconfig (default $KUBECONFIG, then ~/.kube/config)")
}

// Short is as much of a hash as people compare.
func Short(hash string) string { return hash[:min(len(hash), 12)] }
