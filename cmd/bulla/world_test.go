package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/dynamic"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clustercmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clusterkeys"
	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/forge"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

type identities map[string]*age.HybridIdentity

// world is what one script's users do not have: private keys, in software.
type world struct {
	forge      *forge.StandIn
	provider   *openid.Provider // of people who sign in
	keys       map[string]softkey.Key
	service    *service
	roots      map[string]*testfleet.Root // by fleet id
	recovery   *age.HybridIdentity
	fleet      string
	identities identities
	secrets    []canary.Canary
	control    *controlPlane
	kube       dynamic.Interface
	stop       func()            // of the controller that is stood in for
	caKey      *ecdsa.PrivateKey // of the key service's authority
	ca         *x509.Certificate
	t          testing.TB
	log        *auditlog.Log // the key service's
	logs       *auditlog.Service
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

const sealingKey = "2026-11-a"

// cmdFleet is the ceremony, in software:
//
//	fleet FILE [p256] [no-recovery] [recovery=RECIPIENT] [log]
//
// It writes a signed fleet.yaml and sets ROOTKEY and FLEETID. The recovery key
// is one that the age library made, unless RECIPIENT is somebody's own.
func cmdFleet(ts *testscript.TestScript, neg bool, args []string) {
	suite, w := api.SuiteHybrid, worldOf(ts)
	spec := &api.FleetSpec{ID: randomHex(16), Serial: 1}
	w.recovery, w.fleet = must(age.GenerateHybridIdentity()), spec.ID
	spec.RecoveryRecipients = []string{w.recovery.Recipient().String()}
	for _, arg := range args[1:] {
		recipient, own := strings.CutPrefix(arg, "recovery=")
		switch {
		case arg == "p256":
			suite = api.SuiteP256
		case arg == "no-recovery":
			spec.RecoveryRecipients = nil
		case arg == "log":
			w.log, w.logs = auditlog.New(w.t, w.fleet), &auditlog.Service{}
			w.logs.Use(w.log)
			spec.LogKey = w.log.VerifierKey()
			ts.Setenv("LOGKEY", spec.LogKey)
		case own:
			spec.RecoveryRecipients = []string{recipient}
		default:
			ts.Fatalf("fleet: unknown argument %s", arg)
		}
	}
	key := must(softkey.Derive(suite, randomHex(16)))
	w.keys = map[string]softkey.Key{sealingKey: key}
	spec.SealingKeys = []api.SealingKey{key.Record(sealingKey)}
	signFleet(ts, args[0], spec)
	ts.Setenv("FLEETID", spec.ID)
}

// signFleet signs with a new root key, writes the file and sets ROOTKEY.
func signFleet(ts *testscript.TestScript, file string, spec *api.FleetSpec) {
	w := worldOf(ts)
	root := testfleet.NewRoot(w.t)
	root.ID, w.roots[spec.ID] = spec.ID, root
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(root.File(w.t, spec)), 0o644))
	ts.Setenv("ROOTKEY", root.Key)
}

// cmdLoseHSM is the ceremony with another token after the first is lost: the
// fleet keeps its id and its recovery recipients, and all its keys are new.
//
//	losehsm FILE KEYID
func cmdLoseHSM(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	fleet, err := api.ParseFleet(args[0], []byte(ts.ReadFile(args[0])))
	ts.Check(err)
	key := must(softkey.Derive(fleet.Spec.SealingKeys[0].Suite, randomHex(16)))
	w.keys = map[string]softkey.Key{args[1]: key}
	fleet.Spec.SealingKeys = []api.SealingKey{key.Record(args[1])}
	signFleet(ts, args[0], &fleet.Spec)
}

// cmdRecipient sets a variable to what stands in a file:
//
//	recipient NAME FILE
func cmdRecipient(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// cmdContent wants two versions of a stub to have one content digest:
//
//	content OLD NEW
func cmdContent(ts *testscript.TestScript, neg bool, args []string) {
	var digests [2]string
	for i, file := range args {
		manifest, err := api.ParseSealedManifest(file, []byte(ts.ReadFile(file)))
		ts.Check(err)
		digests[i] = must(sealing.ContentDigest(worldOf(ts).fleet, manifest))
	}
	if (digests[0] == digests[1]) == neg {
		ts.Fatalf("content digests are %s and %s", digests[0], digests[1])
	}
}

// cmdResign signs a changed fleet.yaml by the root key of its fleet:
//
//	resign FILE SERIAL [no-recovery | recovery=RECIPIENT]
func cmdResign(ts *testscript.TestScript, neg bool, args []string) {
	fleet := must(api.ParseFleet(args[0], []byte(ts.ReadFile(args[0]))))
	fleet.Spec.Serial = must(strconv.ParseInt(args[1], 10, 64))
	if len(args) > 2 {
		fleet.Spec.RecoveryRecipients = nil
		if recipient, ok := strings.CutPrefix(args[2], "recovery="); ok {
			fleet.Spec.RecoveryRecipients = []string{recipient}
		}
	}
	w := worldOf(ts)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(w.roots[fleet.Spec.ID].File(w.t, &fleet.Spec)), 0o644))
}

// cmdKeys makes a cluster's key pairs and sets IDENTITY, RECIPIENT and
// FINGERPRINT, what the cluster would show:
//
//	keys NAME
func cmdKeys(ts *testscript.TestScript, neg bool, args []string) {
	keys := newClusterKeys(worldOf(ts), args[0])
	ts.Setenv("IDENTITY", keys.Identity)
	ts.Setenv("RECIPIENT", keys.Recipient)
	ts.Setenv("FINGERPRINT", keys.Fingerprint())
}

func newClusterKeys(w *world, name string) clusterkeys.Keys {
	identity := must(age.GenerateHybridIdentity())
	w.identities[name] = identity
	spki := sha256.Sum256([]byte(randomHex(16)))
	return clusterkeys.Keys{
		Fleet: w.fleet, Cluster: name, Identity: "sha256:" + hex.EncodeToString(spki[:]),
		Recipient: identity.Recipient().String(),
	}
}

// cmdCluster adds a cluster to the fleet in the current folder:
//
//	cluster NAME [KEY=VALUE…]
func cmdCluster(ts *testscript.TestScript, neg bool, args []string) {
	labels, err := clustercmd.ParseLabels(args[1:])
	ts.Check(err)
	file := ts.MkAbs(filepath.Join("clusters", args[0]+".yaml"))
	ts.Check(os.WriteFile(file, []byte(clustercmd.Render(args[0], labels, newClusterKeys(worldOf(ts), args[0]))), 0o644))
}

// cmdSecret draws a secret value that no output may show:
//
//	secret NAME FILE
//
// It writes the value to FILE and sets NAME, NAME_BASE64 and NAME_JSON.
func cmdSecret(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	value := canary.New(args[0])
	w.secrets = append(w.secrets, value)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(value.Value()), 0o600))
	ts.Setenv(args[0], value.Value())
	ts.Setenv(args[0]+"_BASE64", base64.StdEncoding.EncodeToString([]byte(value.Value())))
	ts.Setenv(args[0]+"_JSON", string(must(json.Marshal(value.Value()))))
}

// cmdFill replaces $NAME in a file by what `secret` and others set:
//
//	fill FILE…
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// cmdExitCode runs a command and wants its exit code:
//
//	exitcode N COMMAND…
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

func randomHex(n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("test set-up: %v", err))
	}
	return value
}

// wanted reads KEY=VALUE arguments as pointers and base64.
func wanted(ts *testscript.TestScript, args []string) map[string]string {
	want := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%d arguments: one is not KEY=VALUE", len(args))
		}
		want["/data/"+key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return want
}
