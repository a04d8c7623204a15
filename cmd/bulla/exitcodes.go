package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
)

// exitCodes says when each code is returned, in lines as they are printed. A
// test holds it to what the scripts in testdata see.
var exitCodes = []struct {
	code fault.Code
	when []string
}{
	{fault.OK, []string{
		"everything asked for was done",
	}},
	{fault.Failure, []string{
		"it failed; files are as they were, but for those that were listed as done. Of",
		"plan and diff: they differ, as diff(1) has it. Of check: something is wrong",
	}},
	{fault.Usage, []string{
		"the command line was wrong. Of plan and diff: whatever went wrong",
	}},
	{fault.Findings, []string{
		"it was done, and found something: validate, status --check and audit verify",
		"have problems to show; audit log and audit who were given a --file that is not",
		"the audit log; recover or reseal left a stub as it was; merge left a conflict to",
		"a person; keys ls or audit who met stubs that cannot be read; import secrets,",
		"import kube, import sops or another import left something behind; import",
		"argocd-vault-plugin found placeholders; export secrets or export sops left a",
		"stub behind; audit statement, or audit verify of one, misses a step; rotate",
		"--exposed lists values that only people can replace, and rotate of a stub has",
		"no others",
	}},
	{fault.Trust, []string{
		"trust was refused: nothing is pinned for this fleet, its keys are not covered",
		"by the signature of the pinned root key, or its fleet.yaml is older than one",
		"that was seen; a cluster's keys were not confirmed; other users can read the",
		"login or write the pinned keys; or the audit log that the key service shows is",
		"not borne out by its signature, or not the one that was seen before, or what",
		"was remembered of it is damaged",
	}},
}

func exitCodesText() string {
	var text strings.Builder
	text.WriteString("Exit codes:\n\n")
	for _, row := range exitCodes {
		for i, line := range row.when {
			if i == 0 {
				fmt.Fprintf(&text, "  %d  %s\n", row.code, line)
			} else {
				fmt.Fprintf(&text, "     %s\n", line)
			}
		}
	}
	text.WriteString(`
An error is one line "error: what failed, where" on standard error, then a line
"hint: what to do" where there is something to do.`)
	return text.String()
}

func newExitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesText()}
}
