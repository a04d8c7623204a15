package auditcmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

const auditVerifyLong = `Verify exports of the audit log, offline.

Tells whether an entry was edited, dropped, put in or put elsewhere, whether the
end was cut off, and whether two logs were signed (a fork). It names the entries,
as closely as the files allow. Several files are held against each other; they
may come from different people, who saw the log at different times.

--against takes an earlier export: everything in it must still be there. The exit
code is 3 when something is wrong.

A statement ("bulla audit statement") is verified with the same key: which of its
steps the log bears out. With --against, that nothing else in that export speaks of
what it is about.`

const auditVerifyExample = `  bulla audit verify acme.jsonl
  bulla audit verify acme.jsonl --against /archive/last-month.jsonl

  # what a colleague exported and what you did: one log?
  bulla audit verify mine.jsonl theirs.jsonl

  # what an auditor was given
  bulla audit verify db-prod-eu.json --log-key "$LOGKEY"`

func newAuditVerify(a run) *cobra.Command {
	var logKey, against string
	format := render.Text
	cmd := &cobra.Command{
		Use: "verify FILE...", Short: "Verify exports of the audit log, offline", Long: auditVerifyLong,
		Example: auditVerifyExample,
		Args:    command.Args("the names of exports or statements", 1, 100),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := format.CheckNoNames(); err != nil {
				return err
			}
			_, verifier, err := a.logKey(logKey)
			if err != nil {
				return err
			}
			return a.verifyAll(args, against, verifier, format)
		},
	}
	addLogKey(cmd, &logKey)
	cmd.Flags().StringVar(&against, "against", "", "an earlier `export`, which the files must go on from")
	render.FlagNoNames(cmd.Flags(), &format)
	return cmd
}

// auditFinding is one thing that is wrong, as it is printed.
type auditFinding struct {
	File    string `json:"file"`
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Problem string `json:"problem"`
}

// verifyAll verifies statements one by one, and exports together.
func (a run) verifyAll(files []string, against string, verifier note.Verifier, format render.Format) error {
	var exports []string
	var found error
	for _, file := range files {
		s, err := readStatement(file)
		switch {
		case err != nil:
			return err
		case s == nil:
			exports = append(exports, file)
			continue
		}
		if err := a.verifyStatement(file, s, against, verifier, format); errors.Is(err, fault.ErrFindings) {
			found = err // the others are told all the same
		} else if err != nil {
			return err
		}
	}
	if len(exports) == 0 {
		return found
	}
	if err := a.auditVerify(exports, against, verifier, format); err != nil {
		return err
	}
	return found
}

func (a run) auditVerify(files []string, against string, verifier note.Verifier, format render.Format) error {
	findings := []auditFinding{}
	tell := func(file string, found []audit.Finding) {
		for _, f := range found {
			findings = append(findings, auditFinding{File: file, First: f.First, Last: f.Last, Problem: f.Text})
		}
	}
	read := func(file string) (*audit.Verified, error) {
		v, err := auditlog.Verify(file, verifier, nil)
		if err == nil {
			tell(file, v.Findings)
		}
		return v, err
	}
	logs := make([]*audit.Verified, len(files))
	for i, file := range files {
		var err error
		if logs[i], err = read(file); err != nil {
			return err
		}
		for j := range i {
			tell(files[j]+" and "+file, audit.CompareExports(logs[j], logs[i]))
		}
	}
	if against != "" {
		older, err := read(against)
		if err != nil {
			return err
		}
		for i, file := range files {
			tell(file+" and "+against, goesOn(older, logs[i]))
		}
	}
	return a.auditVerdict(files, logs, findings, format)
}

// goesOn checks that a log has everything that an earlier one has.
func goesOn(older, newer *audit.Verified) []audit.Finding {
	found := audit.CompareExports(older, newer)
	if had, has := int64(len(older.Leaves)), int64(len(newer.Leaves)); has < had {
		found = append(found, audit.Finding{First: has, Last: had - 1,
			Text: fmt.Sprintf("truncated: the earlier log has %s, and this one %d", plural.Of(had, "entry", "entries"), has)})
	}
	return found
}

func (a run) auditVerdict(files []string, logs []*audit.Verified, findings []auditFinding, format render.Format) error {
	if format != render.Text {
		if err := format.Print(a.Stdout, findings, render.Table{}); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			a.Printf("%s: %s\n", f.File, f.Problem)
		}
	}
	if len(findings) > 0 {
		return fault.ErrFindings
	}
	if format == render.Text {
		for i, file := range files {
			a.Printf("%s: %s, all of them and no others in the signed log\n", file,
				plural.Of(len(logs[i].Leaves), "entry", "entries"))
		}
	}
	return nil
}
