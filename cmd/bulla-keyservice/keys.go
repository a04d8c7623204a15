package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func newKeysCommand() *cobra.Command {
	keys := &cobra.Command{Use: "keys", Short: "Look at the fleet's keys, and change them", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file string
	var root parts.TokenFlags
	format := render.Text
	list := &cobra.Command{
		Use:     "ls --config FILE",
		Aliases: []string{"list"},
		Short:   "List the fleet's keys in the token, and what fleet.yaml says of them",
		Long: `ls shows every key of the fleet in the service's token, and in the root key's where
--root-token-label names it. STATUS is what fleet.yaml at the
accepted head says of a sealing key, "-" where it says nothing.`,
		Example: `  bulla-keyservice keys ls --config keyservice.yaml`,
		Args:    command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			return listKeys(cmd.Context(), file, &root, format, cmd.OutOrStdout())
		},
	}
	parts.AddConfigFlag(list, &file)
	render.Flag(list.Flags(), &format)
	root.Add(list.Flags(), "root-", "label of the root key's token, to list that too")
	keys.AddCommand(list, newKeysRotateCommand(), newKeysRetireCommand())
	return keys
}

// keyRow is a key as it is listed.
type keyRow struct {
	Use     string        `json:"use"`
	Key     string        `json:"key,omitempty"`
	Suite   api.Suite     `json:"suite,omitempty"`
	Status  api.KeyStatus `json:"status,omitempty"`
	Problem string        `json:"problem,omitempty"`
}

func listKeys(ctx context.Context, file string, root *parts.TokenFlags, format render.Format, stdout io.Writer) error {
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	token, err := parts.TokenConfig(config, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	keys, err := hsm.List(token, config.Fleet)
	if err != nil {
		return err
	}
	if root.Given() {
		beside, err := parts.BesideService(root, token)
		if err != nil {
			return err
		}
		more, err := hsm.List(beside, config.Fleet)
		if err != nil {
			return err
		}
		keys = append(more, keys...)
	}
	status, err := acceptedStatus(ctx, config)
	if err != nil {
		return err
	}
	rows := []keyRow{}
	table := render.Table{Header: []string{"USE", "KEY", "SUITE", "STATUS", "PROBLEM"}}
	for _, key := range keys {
		row := keyRow{key.Use, key.KeyID, key.Suite, status[key.KeyID], key.Problem}
		rows = append(rows, row)
		table.Rows = append(table.Rows, []string{row.Use, row.Key, string(row.Suite), string(row.Status), row.Problem})
	}
	return format.Print(stdout, rows, table)
}

// acceptedStatus reads the accepted head from the data folder; a service that
// never ran has none.
func acceptedStatus(ctx context.Context, config *config.Config) (map[string]api.KeyStatus, error) {
	model, err := acceptedModel(ctx, config)
	if model == nil || err != nil {
		return nil, err
	}
	status := map[string]api.KeyStatus{}
	for _, key := range model.Fleet.Spec.SealingKeys {
		status[key.ID] = key.Status
	}
	return status, nil
}

// acceptedModel is the accepted head's; nil when there is none.
func acceptedModel(ctx context.Context, config *config.Config) (*model.Model, error) {
	rows, err := parts.OpenRows(ctx, config)
	if rows == nil || err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	last, err := rows.LastHead(ctx, config.Fleet, config.Repository.Ref)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mirror, err := parts.OpenMirror(config)
	if err != nil {
		return nil, err
	}
	tree, err := mirror.Tree(last.Hash)
	if err != nil {
		return nil, fmt.Errorf("read accepted head: %w", err)
	}
	model, err := model.Load(tree)
	if err != nil {
		return nil, fmt.Errorf("read accepted head: %w", err)
	}
	return model, nil
}
