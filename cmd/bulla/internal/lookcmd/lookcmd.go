// Package lookcmd has the commands that look at what stands in a cluster, by its API
// server and with the rights of whoever asks.
package lookcmd

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// run is one run of a command here.
type run struct{ *shell.Shell }

// New are the commands.
func New(s *shell.Shell) []*cobra.Command {
	a := run{s}
	return []*cobra.Command{newGet(a), newSuspend(a), newResume(a), newEvents(a), newLogs(a), newTree(a)}
}

// place says which cluster and which of its namespaces are meant, as kubectl does.
type place struct{ context, kubeconfig, namespace string }

func (p *place) add(cmd *cobra.Command) {
	shell.KubeFlags(cmd, &p.context, &p.kubeconfig)
	cmd.Flags().StringVarP(&p.namespace, "namespace", "n", "", "`namespace` (default that of the cluster's FleetSync)")
}

func (p *place) connect() (*kube.Cluster, error) { return kube.Connect(p.kubeconfig, p.context) }
