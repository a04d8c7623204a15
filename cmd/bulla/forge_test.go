package main

import (
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulla-dev/bulla/fixtures/forge"
)

// cmdForge has the script be a job for pull request 7 at a forge.
func cmdForge(ts *testscript.TestScript, _ bool, args []string) {
	s := forge.New(args[0])
	ts.Defer(s.Close)
	for name, value := range s.Env() {
		ts.Setenv(name, value)
	}
	worldOf(ts).forge = s
}

// cmdCommented holds that there is one comment, and what it and the status say.
func cmdCommented(ts *testscript.TestScript, neg bool, args []string) {
	s := worldOf(ts).forge
	comments := s.Comments()
	if len(comments) != 1 {
		ts.Fatalf("%d comments: %+v", len(comments), comments)
	}
	text := comments[0].Body
	for _, status := range s.Statuses() {
		text += "\nstatus: " + strings.Join([]string{status["state"].(string), status["description"].(string)}, " ")
	}
	if regexp.MustCompile("(?m)"+args[0]).MatchString(text) == neg {
		ts.Fatalf("%q in %s", args[0], text)
	}
	if strings.Contains(text, forge.Token) {
		ts.Fatalf("the token stands in the comment")
	}
}

// cmdUntold holds that the forge was asked to change nothing.
func cmdUntold(ts *testscript.TestScript, _ bool, _ []string) {
	if told := worldOf(ts).forge.Told(); len(told) > 0 {
		ts.Fatalf("the forge was told %q", told)
	}
}
