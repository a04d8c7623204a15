package hsm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// ceremonyDeadline is ample: some tokens take seconds to generate a key.
const ceremonyDeadline = time.Minute

// Made is what a ceremony made: public keys only.
type Made struct {
	Fleet         string
	Root, CA, Log *ecdsa.PublicKey
	Sealing       sealing.PublicKey
	// Key is the sealing key's record for fleet.yaml, Active.
	Key api.SealingKey
}

// KeyInfo describes one key pair of a fleet in the token.
type KeyInfo = wire.KeyInfo

// Ceremony generates a fleet's keys: the root key in the token of root, and ca,
// log and the sealing key keyID in that of service. Each is read back and its
// attributes checked, and each is used once before Ceremony returns. Fleet and
// PinnedKeys of both are ignored.
//
// Errors: ErrLabelTaken when one of the labels is in use (nothing is generated
// then), ErrAttributes, and those of [Start]. What a failed ceremony made is
// destroyed.
func Ceremony(service, root Config, fleet, keyID string, suite api.Suite) (*Made, error) {
	service.Fleet = fleet
	if err := checkRecord(keyID, suite); err != nil {
		return nil, fmt.Errorf("hold key ceremony: %w", err)
	}
	// Looked at first: the root key is made before the others, and would have to
	// be destroyed again.
	if _, err := once(service, wire.Request{Op: wire.OpFree, Key: keyID}); err != nil {
		return nil, fmt.Errorf("hold key ceremony: %w", err)
	}
	public, err := MakeSigner(root, fleet, RoleRoot)
	if err != nil {
		return nil, fmt.Errorf("hold key ceremony: %w", err)
	}
	m, err := CeremonyUnder(service, root, public, fleet, keyID, suite)
	if err != nil {
		_, undone := ForgetKeys(root, public)
		return nil, errors.Join(err, undone)
	}
	return m, nil
}

// CeremonyUnder is [Ceremony] for a root key that the token of root holds already:
// only the service's token was lost. The root key is left as it is, whatever fails.
func CeremonyUnder(service, root Config, public *ecdsa.PublicKey, fleet, keyID string, suite api.Suite) (*Made, error) {
	service.Fleet = fleet
	err := checkRecord(keyID, suite)
	if err == nil {
		err = CheckApart(service, root, public)
	}
	m := &Made{Fleet: fleet, Root: public}
	if err == nil {
		err = m.makeRest(service, keyID, suite)
	}
	if err != nil {
		return nil, fmt.Errorf("hold key ceremony: %w", err)
	}
	return m, nil
}

// makeRest makes what the service uses.
func (m *Made) makeRest(service Config, keyID string, suite api.Suite) error {
	r, err := once(service, wire.Request{Op: wire.OpCeremony, Key: keyID, Suite: suite})
	if err != nil {
		return err
	}
	for role, to := range map[string]**ecdsa.PublicKey{RoleCA: &m.CA, RoleLog: &m.Log} {
		if *to, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), r.Made[role]); err != nil {
			return fmt.Errorf("read the %s key: %w", role, err)
		}
	}
	if m.Sealing, err = sealing.NewPublicKey(suite, r.Data, r.Extra); err != nil {
		return fmt.Errorf("read sealing key %q: %w", keyID, err)
	}
	m.Key = activeRecord(keyID, m.Sealing)
	return nil
}

func checkRecord(keyID string, suite api.Suite) error {
	if keyID == "" {
		return errors.New("the key id is empty")
	}
	if suite != api.SuiteHybrid && suite != api.SuiteP256 {
		return fmt.Errorf("%q is not a suite", suite)
	}
	return nil
}

func activeRecord(keyID string, public sealing.PublicKey) api.SealingKey {
	return api.SealingKey{ID: keyID, Suite: public.Suite(), PublicKey: public.String(), Status: api.KeyActive}
}

// AddSealingKey generates one more sealing key in the token and returns its
// record for fleet.yaml, Active. It is read back, its attributes are checked, and
// it is used once. Whether it opens anything is fleet.yaml's to say.
//
// Errors: those of [Ceremony]; a failed call leaves no key behind.
func AddSealingKey(cfg Config, fleet, keyID string, suite api.Suite) (api.SealingKey, error) {
	cfg.Fleet = fleet
	if err := checkRecord(keyID, suite); err != nil {
		return api.SealingKey{}, fmt.Errorf("make sealing key: %w", err)
	}
	r, err := once(cfg, wire.Request{Op: wire.OpAddSealing, Key: keyID, Suite: suite})
	if err != nil {
		return api.SealingKey{}, fmt.Errorf("make sealing key %q: %w", keyID, err)
	}
	public, err := sealing.NewPublicKey(suite, r.Data, r.Extra)
	if err != nil {
		return api.SealingKey{}, fmt.Errorf("read sealing key %q: %w", keyID, err)
	}
	return activeRecord(keyID, public), nil
}

// MakeSigner generates one more signing key in the token, for a role that
// succeeds another ([NextRole]). It is read back, checked and used once.
//
// Errors: those of [Ceremony]; a failed call leaves no key behind.
func MakeSigner(cfg Config, fleet, role string) (*ecdsa.PublicKey, error) {
	cfg.Fleet = fleet
	r, err := once(cfg, wire.Request{Op: wire.OpMakeSigner, Key: role})
	if err != nil {
		return nil, fmt.Errorf("make signing key %q: %w", role, err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), r.Data)
	if err != nil {
		return nil, fmt.Errorf("make signing key %q: %w", role, err)
	}
	return public, nil
}

// List finds the keys of a fleet in the token, sorted by label.
func List(cfg Config, fleet string) ([]KeyInfo, error) {
	cfg.Fleet = fleet
	r, err := once(cfg, wire.Request{Op: wire.OpList})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return r.Keys, nil
}

// once starts a worker for one request. Nothing is retried: a ceremony that
// failed half-way is a person's business.
func once(cfg Config, req wire.Request) (*wire.Response, error) {
	cfg = cfg.withDefaults()
	cfg.Sessions, cfg.PinnedKeys = 1, nil
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	argv, err := workerCommand(nil)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(context.Background(), cfg, argv)
	if err != nil {
		return nil, err
	}
	defer func() {
		p.retire()
		<-p.exited
	}()
	r, err := p.call(context.Background(), req, ceremonyDeadline)
	if err != nil {
		return nil, err
	}
	if err := publicError(r.Err); err != nil {
		return nil, err
	}
	return r, nil
}
