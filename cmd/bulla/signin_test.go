package main

import (
	"context"
	"fmt"
	"os"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/config"
)

// browser is a person's: it goes to the page, signs in as BROWSER_USER, and comes back.
func browser() {
	user := os.Getenv("BROWSER_USER")
	if err := openid.Browse(context.Background(), os.Getenv("ISSUERCA"), os.Args[1], user); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// cmdProvider is an OpenID provider, for a service that is started after it:
//
//	provider
//
// It knows u-ada, an auditor by her group, and u-eve, who is in none, and sets ISSUER and
// ISSUERCA.
func cmdProvider(ts *testscript.TestScript, _ bool, _ []string) {
	w := worldOf(ts)
	w.provider = must(openid.Start(ts.MkAbs(".")))
	ts.Defer(w.provider.Close)
	w.provider.Add(openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"security"}})
	w.provider.Add(openid.User{Name: "u-eve", Email: "eve@acme.example"})
	ts.Setenv("ISSUER", w.provider.Issuer)
	ts.Setenv("ISSUERCA", w.provider.CAFile)
	ts.Setenv("BROWSER", "browser")
	ts.Setenv("BROWSER_USER", "u-ada")
}

// cmdGroups is the service's operator, who gives one group a role, and takes all others:
//
//	groups GROUP ROLE
func cmdGroups(ts *testscript.TestScript, _ bool, args []string) {
	s := worldOf(ts).service
	s.config.OIDC.Groups = []config.Group{{Name: args[0], Roles: []config.Role{config.Role(args[1])}}}
	ts.Check(s.server.SetGroups(context.Background(), s.config.OIDC))
}

// cmdEnterCode plays a person who enters the code that a command in the background says in
// a file, on another machine:
//
//	entercode FILE USER
func cmdEnterCode(ts *testscript.TestScript, _ bool, args []string) {
	said := regexp.MustCompile(`for you alone: (\S+)`)
	var code []string
	ts.Check(wait.Poll(context.Background(), func(context.Context) error {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if code = said.FindStringSubmatch(string(text)); err == nil && code == nil {
			err = fmt.Errorf("no code is said in %s", args[0])
		}
		return err
	}))
	ts.Check(worldOf(ts).provider.EnterCode(context.Background(), code[1], args[1]))
}
