package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/sealing"
)

const trustLong = `Pin the root verifier key of a fleet.

A fleet's sealing keys stand in its repository, signed by a root key in the HSM.
Whoever can write to the repository could put in keys of their own, so the root
key is pinned on your machine, once for each fleet. ` + "`bulla-keyservice init`" + `
prints it. Take it from your fleet's operators, not from the repository.

The pin is kept in bulla/trust.yaml in $XDG_CONFIG_HOME (or the system's folder
for configuration). The fleet's id is read from the fleet repository that you
are in, whose signature must verify, or from --fleet-id.`

const trustExample = `  # inside the fleet repository
  bulla trust acme+1b2c3d4e+AjQ...

  # before there is a repository
  bulla trust acme+1b2c3d4e+AjQ... --fleet-id 6f1c0d0e5a7b4c3d8e9f001122334455

  bulla trust list
  bulla trust remove 6f1c0d0e5a7b4c3d8e9f001122334455`

func newTrust(a *app) *cobra.Command {
	var id string
	var replace bool
	cmd := &cobra.Command{
		Use: "trust KEY", Short: "Pin the root key of a fleet", Long: trustLong, Example: trustExample,
		Args: command.Args("a root verifier key", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.trust(args[0], id, replace) },
	}
	cmd.Flags().StringVar(&id, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	cmd.Flags().BoolVar(&replace, "replace", false, "replace another pinned key; compare both with your operators first")
	cmd.AddCommand(newTrustList(a), newTrustRemove(a))
	return cmd
}

func (a *app) trust(key, id string, replace bool) error {
	if err := checkVerifierKey(key); err != nil {
		return err
	}
	store, err := trust.Open()
	if err != nil {
		return err
	}
	pin := trust.Pin{Fleet: id, RootKey: key}
	if id == "" {
		if pin, err = a.pinOfRepo(store, key, replace); err != nil {
			return err
		}
	} else if !hexid.IsFleet(id) {
		return fault.NewUsage("it stands in fleet.yaml under spec.id", "--fleet-id is not 32 lower-case hexadecimal digits")
	}
	err = store.Add(pin, replace)
	var conflict *trust.ConflictError
	if errors.As(err, &conflict) {
		return fault.NewTrust("compare both with your fleet's operators; --replace pins the new one", "pin root key: %w", err)
	}
	if err != nil {
		return fmt.Errorf("pin root key: %w", err)
	}
	a.Printf("pinned the root key of fleet %s in %s\n", pin.Fleet, store.Path())
	return nil
}

// checkVerifierKey refuses a text that could never verify anything.
func checkVerifierKey(key string) error {
	if !trust.IsVerifierKey(key) {
		return fault.NewUsage(trust.VerifierKeyHint, "this is not a root verifier key")
	}
	return nil
}

// pinOfRepo pins nothing that the key does not sign, and, without replace,
// nothing older than what was sealed under before.
func (a *app) pinOfRepo(store *trust.Store, key string, replace bool) (trust.Pin, error) {
	repo, err := a.Open()
	if err != nil {
		return trust.Pin{}, fault.New("run this inside the fleet repository, or give --fleet-id",
			"find the fleet to pin: %w", err)
	}
	fleet := repo.Model.Fleet
	pin := trust.Pin{Fleet: fleet.Spec.ID, Name: fleet.Metadata.Name, RootKey: key}
	var known sealing.Known
	if former, _, err := store.Lookup(pin.Fleet); err == nil && !replace {
		known = former.Newest()
	}
	known, err = known.Accept(&fleet.Spec, key)
	if errors.Is(err, sealing.ErrRolledBack) {
		return trust.Pin{}, fault.NewTrust(
			"get the newest fleet.yaml; --replace takes this one, if your fleet's operators say so", "pin root key: %w", err)
	}
	if err != nil {
		return trust.Pin{}, fault.NewTrust("compare the key with your fleet's operators",
			"fleet.yaml is not signed by this key: %w", err)
	}
	pin.Known = &known
	return pin, nil
}

func newTrustList(a *app) *cobra.Command {
	format := render.Text
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the pinned root keys", Args: command.None,
		RunE: func(*cobra.Command, []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			store, err := trust.Open()
			if err != nil {
				return err
			}
			pins, err := store.List()
			if err != nil {
				return err
			}
			table := render.Table{Header: []string{"FLEET", "NAME", "ROOT KEY"}}
			for _, pin := range pins {
				table.Rows = append(table.Rows, []string{pin.Fleet, pin.Name, pin.RootKey})
			}
			a.Nothing(len(pins), "no root key is pinned; `bulla trust KEY` pins one")
			return format.Print(a.Stdout, append([]trust.Pin{}, pins...), table)
		},
	}
	shell.OutputFlag(cmd, &format)
	return cmd
}

func newTrustRemove(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "remove FLEET-ID", Short: "Forget the root key of a fleet", Args: command.Args("a fleet id", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := trust.Open()
			if err != nil {
				return err
			}
			found, err := store.Remove(args[0])
			if err != nil {
				return err
			}
			if !found {
				return fault.New("`bulla trust list` shows what is pinned", "no root key is pinned for fleet %q", args[0])
			}
			a.Printf("forgot the root key of fleet %s\n", args[0])
			return nil
		},
	}
}
