package importcmd

import (
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/live"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/sealedsecrets"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
)

func newKube(s *shell.Shell) *cobra.Command {
	var o options
	var kubeContext, kubeconfig, namespace, selector string
	cmd := &cobra.Command{
		Use: "kube -n NAMESPACE [NAME...]", Short: "Seal live Secrets of a cluster, and take them over", Long: kubeLong,
		Example: kubeExample, Args: command.Args("names of Secrets", 0, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case namespace == "":
				return fault.NewUsage("give -n NAMESPACE", "nothing says which namespace to read")
			case selector != "" && len(args) > 0:
				return fault.NewUsage("give one of the two", "names and --selector exclude one another")
			}
			cluster, err := kube.Connect(kubeconfig, kubeContext)
			if err != nil {
				return err
			}
			return run(cmd.Context(), s, o, source{kind: "kube", reader: &live.Reader{
				Cluster: cluster, Namespace: namespace, Names: args, Selector: selector,
			}})
		},
	}
	o.flags(s, cmd, true)
	shell.KubeFlags(cmd, &kubeContext, &kubeconfig)
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "`namespace` to read")
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "label `selector` of the Secrets to read")
	return cmd
}

func newSealedSecrets(s *shell.Shell) *cobra.Command {
	var o options
	var keys []string
	var namespace string
	cmd := &cobra.Command{
		Use: "sealed-secrets FILE...", Short: "Seal what SealedSecrets hold, and take it over", Long: sealedLong,
		Example: sealedExample, Args: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(keys) == 0 {
				return fault.NewUsage(sealedsecrets.KeysHint, "--keys is missing")
			}
			return run(cmd.Context(), s, o, source{kind: "sealed-secrets", paths: slices.Concat(args, keys),
				reader: &sealedsecrets.Reader{
					Paths: args, Keys: keys, Files: &haul.Files{Stdin: s.Stdin}, Namespace: namespace,
				}})
		},
	}
	o.flags(s, cmd, true)
	cmd.Flags().StringArrayVar(&keys, "keys", nil,
		"`file` of the Secrets in which the Sealed Secrets controller keeps its keys, - for standard input; may be repeated")
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "`namespace` of a SealedSecret that says none")
	return cmd
}
