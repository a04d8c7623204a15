package main

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/version"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: command.None,
		RunE: func(*cobra.Command, []string) error {
			a.Printf("bulla %s\n", version.Text())
			return nil
		},
	}
}
