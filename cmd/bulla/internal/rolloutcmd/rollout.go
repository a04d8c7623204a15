// Package rolloutcmd is `bulla rollout`: the pace of a placement, said in its file.
package rolloutcmd

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

const long = `Change the pace at which new builds of a placement come to its clusters.

The waves stand in the placement's file under spec.rollout. "pause" and "resume"
edit that file; what they wrote counts once it is merged. With --now, and
"promote", they ask the key service instead: without a commit, within seconds,
recorded in the audit log under your name. That takes a login with the role
operator (see "bulla login").

All of it is about pace. What only takes away, and the healing of what stands,
wait for none of it. What a held release drops goes with it; a Secret that
nothing standing there names goes at once. Nothing opens for a cluster that did
not before.`

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollout", Short: "Pause, resume and promote the waves of a placement", Long: long, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newPause(s), newResume(s), newPromote(s))
	return cmd
}

func newPause(s *shell.Shell) *cobra.Command {
	o := &order{Shell: s}
	cmd := &cobra.Command{
		Use: "pause PLACEMENT", Short: "Let nothing new start, on any cluster",
		Example: "  bulla rollout pause payments\n" +
			"  bulla rollout pause payments --now --for 2h --reason \"INC-1203\"",
		Args: command.Args("one placement", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.now {
				return o.pause(cmd.Context(), args[0])
			}
			return o.commit(args[0], "true", "paused")
		},
	}
	o.flags(cmd, "ask the key service, for a time, instead of writing the file")
	cmd.Flags().DurationVar(&o.length, "for", 0, "with --now: for how long, such as 2h, at most 744h")
	return cmd
}

func newResume(s *shell.Shell) *cobra.Command {
	o := &order{Shell: s}
	cmd := &cobra.Command{
		Use: "resume PLACEMENT", Short: "Let the waves go on",
		Example: "  bulla rollout resume payments\n  bulla rollout resume payments --now --reason \"INC-1203 is over\"",
		Args:    command.Args("one placement", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.now {
				return o.resume(cmd.Context(), args[0])
			}
			return o.commit(args[0], "false", "resumed")
		},
	}
	o.flags(cmd, "end at the key service what pause --now began, instead of writing the file")
	return cmd
}

// set writes spec.rollout.paused.
func set(s *shell.Shell, name, value, did string) error {
	repo, err := s.Open()
	if err != nil {
		return err
	}
	p := repo.Model.Placements[name]
	if p == nil {
		return naming.Unknown(repo.Model, api.KindPlacement, name, "names are those of the files in placements/")
	}
	file := repo.Model.Files[api.KindPlacement+"/"+name]
	if p.Spec.Rollout == nil {
		return shell.Waveless(file)
	}
	if p.Spec.Rollout.Paused == (value == "true") {
		s.Printf("%s: nothing to change\n", file)
		return nil
	}
	was, err := os.ReadFile(repo.Abs(file))
	if err != nil {
		return err
	}
	at := []string{"spec", "rollout", "paused"}
	data, taken := yamltext.TakeBack(was, "true", at...)
	if !taken || value == "true" {
		data, err = yamltext.SetScalar(was, value, at...)
	}
	if err == nil {
		err = same(file, data, value == "true")
	}
	if errors.Is(err, yamltext.ErrShape) {
		return fault.New("write spec.rollout.paused: "+value+" by hand", "edit %s: %w", file, err)
	}
	if err != nil {
		return err
	}
	if err := atomicfile.Replace(repo.Abs(file), was, data); err != nil {
		return err
	}
	s.Printf("%s: %s, once it is merged\n", file, did)
	return nil
}

// same holds what was written to what was meant.
func same(file string, data []byte, paused bool) error {
	now, err := api.ParsePlacement(file, data)
	if err != nil || now.Spec.Rollout == nil || now.Spec.Rollout.Paused != paused {
		return yamltext.ErrShape
	}
	return nil
}
