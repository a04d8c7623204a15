package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// person FILE makes somebody's key, writes their certificate request to FILE
// and sets IDENTITY.
func person(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	scriptOf(ts).key = key
	request, err := protocol.PersonRequest(key)
	ts.Check(err)
	identity, err := protocol.PublicKeyHash(key.Public())
	ts.Check(err)
	ts.Setenv("IDENTITY", identity)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), request, 0o600))
}

// asks CERTIFICATE waits until the service answers the person; "! asks
// CERTIFICATE REASON" until it refuses them for that reason.
func asks(ts *testscript.TestScript, neg bool, args []string) {
	credentials, _, err := client.ReadPerson([]byte(ts.ReadFile(args[0])), scriptOf(ts).key)
	ts.Check(err)
	admin := client.NewAdmin("https://"+ts.Getenv("LISTEN"), credentials.Certificate, credentials.CA)
	defer admin.Close()
	ts.Check(wait.Poll(context.Background(), func(ctx context.Context) error {
		_, err := admin.ListLedger(ctx, &keyservicev1.ListLedgerRequest{})
		var denied *client.DeniedError
		if !neg && err == nil || neg && errors.As(err, &denied) && denied.Reason == args[1] {
			return nil
		}
		return fmt.Errorf("asks: %w", cmp.Or(err, errors.New("it is answered")))
	}))
}

// hangup sends SIGHUP to the service.
func hangup(ts *testscript.TestScript, _ bool, _ []string) {
	for _, process := range ts.BackgroundCmds() {
		ts.Check(process.Process.Signal(syscall.SIGHUP))
	}
}

// append FILE TEXT adds a line.
func appendLine(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+strings.Join(args[1:], " ")+"\n"), 0o600))
}
