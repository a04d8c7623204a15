package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
)

var (
	logKey  = regexp.MustCompile(`^[0-9a-f]{8}\+[A-Za-z0-9+/]{1,300}={0,2}$`)
	percent = regexp.MustCompile(`^(100|[1-9]?[0-9])%$`)
)

// keyPrefix is how the text of a public key starts, by suite.
var keyPrefix = map[Suite]string{SuiteHybrid: "age1tagpq1", SuiteP256: "age1tag1"}

func (f *Fleet) validate(p *problems) {
	p.checkMetadata(f.Metadata)
	s := f.Spec
	if !hexid.IsFleet(s.ID) {
		p.add("spec.id", "must be 32 lower-case hexadecimal digits, made by `bulla-keyservice init`")
	}
	if s.Serial < 1 {
		p.add("spec.serial", "must be a number from 1 on; `bulla-keyservice` counts it up with each signature")
	}
	s.validateKeys(p)
	s.validateRecovery(p)
	s.validateLogKey(p)
	s.validateSuccession(p)
	s.validateSigning(p)
	if s.Prune != nil && s.Prune.MaxShare != "" && !percent.MatchString(s.Prune.MaxShare) {
		p.add("spec.prune.maxShare", "%q is not a percentage from 0%% to 100%%", s.Prune.MaxShare)
	}
	s.validateConsent(p)
	if strings.TrimSpace(s.Signature) == "" {
		p.add("spec.signature", "is missing; `bulla-keyservice init` signs the fleet")
	}
}

const (
	// maxConsents is far beyond what anybody has in force at a time: one whose revision
	// was pruned everywhere may go.
	maxConsents = 100
	maxReason   = 512
)

func (s FleetSpec) validateConsent(p *problems) {
	if s.Prune == nil {
		return
	}
	if len(s.Prune.Consent) > maxConsents {
		p.add("spec.prune.consent", "has %d entries; at most %d: take those away that every cluster has pruned",
			len(s.Prune.Consent), maxConsents)
		return
	}
	for i, consent := range s.Prune.Consent {
		field := fmt.Sprintf("spec.prune.consent[%d]", i)
		if !hexid.IsCommit(consent.Revision) {
			p.add(field+".revision", "%q is not the full hash of a commit, in lower case: a branch or the beginning of a hash "+
				"could come to mean another; `git rev-parse` prints it", consent.Revision)
		}
		if strings.TrimSpace(consent.Reason) == "" || len(consent.Reason) > maxReason {
			p.add(field+".reason", "is missing, or longer than %d bytes: say why this may be deleted", maxReason)
		}
	}
	if i, ok := firstDuplicate(s.Prune.Consent, func(c PruneConsent) string { return c.Revision }); ok {
		p.add(fmt.Sprintf("spec.prune.consent[%d].revision", i), "stands twice")
	}
}

// PruneConsents are what the fleet consents to; see [FleetPrune].
func (s FleetSpec) PruneConsents() []PruneConsent {
	if s.Prune == nil {
		return nil
	}
	return s.Prune.Consent
}

func (s FleetSpec) validateKeys(p *problems) {
	active := 0
	for i, key := range s.SealingKeys {
		field := fmt.Sprintf("spec.sealingKeys[%d]", i)
		p.checkLabel(field+".id", key.ID)
		if prefix, ok := keyPrefix[key.Suite]; !ok {
			p.add(field+".suite", "%q is not a suite; write %s or %s", key.Suite, SuiteHybrid, SuiteP256)
		} else {
			p.checkRecipient(field+".publicKey", key.PublicKey, prefix)
		}
		if !slices.Contains([]KeyStatus{KeyActive, KeySuperseded, KeyRetired}, key.Status) {
			p.add(field+".status", "%q is not a status; write %s, %s or %s", key.Status, KeyActive, KeySuperseded, KeyRetired)
		}
		if key.Status == KeyActive {
			active++
		}
	}
	if i, ok := firstDuplicate(s.SealingKeys, func(k SealingKey) string { return k.ID }); ok {
		p.add(fmt.Sprintf("spec.sealingKeys[%d].id", i), "%q stands twice", s.SealingKeys[i].ID)
	}
	if i, ok := firstDuplicate(s.SealingKeys, func(k SealingKey) string { return k.PublicKey }); ok {
		p.add(fmt.Sprintf("spec.sealingKeys[%d].publicKey", i), "belongs to another key version already")
	}
	if active != 1 {
		p.add("spec.sealingKeys", "%d keys are Active; exactly one must be", active)
	}
}

func (s FleetSpec) validateRecovery(p *problems) {
	prefixes := []string{"age1pq1", "age1tagpq1"}
	if active, ok := s.ActiveKey(); ok && active.Suite == SuiteP256 {
		prefixes = []string{"age1"}
	}
	for i, recipient := range s.RecoveryRecipients {
		// A classic recovery key beside a hybrid lock would make the whole
		// payload as weak as the classic one.
		p.checkRecipient(fmt.Sprintf("spec.recoveryRecipients[%d]", i), recipient, prefixes...)
	}
	if i, ok := firstDuplicate(s.RecoveryRecipients, itself); ok {
		p.add(fmt.Sprintf("spec.recoveryRecipients[%d]", i), "stands twice")
	}
}

// validateLogKey holds the key's name to the fleet: the same key may serve
// another fleet's log, whose checkpoints must not pass for this one's.
func (s FleetSpec) validateLogKey(p *problems) {
	name, key, _ := strings.Cut(s.LogKey, "+")
	switch {
	case s.LogKey == "":
	case name != "bulla.dev/log/"+s.ID:
		p.add("spec.logKey", "must be named bulla.dev/log/ and the fleet's id")
	case !logKey.MatchString(key):
		p.add("spec.logKey", "is not a verifier key, NAME+HASH+KEY, made by `bulla-keyservice init`")
	}
}

const (
	// maxSuccession is far beyond the root keys of a fleet's life.
	maxSuccession = 32
	// maxSuccessionSize is in bytes; a link of a fleet has some 600.
	maxSuccessionSize = 2048
)

func (s FleetSpec) validateSuccession(p *problems) {
	if len(s.RootSuccession) > maxSuccession {
		p.add("spec.rootSuccession", "has %d links; at most %d", len(s.RootSuccession), maxSuccession)
		return
	}
	for i, link := range s.RootSuccession {
		if len(link) > maxSuccessionSize || !strings.HasPrefix(link, "bulla.dev/root-succession/") {
			p.add(fmt.Sprintf("spec.rootSuccession[%d]", i), "is no signed succession; `bulla-keyservice root rotate` writes it")
		}
	}
}

// validateSigning checks shapes; the keys themselves are read where signatures
// are verified.
func (s FleetSpec) validateSigning(p *problems) {
	if s.Signing == nil {
		return
	}
	s.Signing.validate(p, "spec.signing")
	if s.Signing.signers() == 0 && len(s.Signing.Require) > 0 {
		p.add("spec.signing.require", "demands signatures that nobody can give; add allowedSigners or openPGPKeys")
	}
}

// Key returns the sealing key with the given ID, whatever its status.
func (s FleetSpec) Key(id string) (SealingKey, bool) {
	i := slices.IndexFunc(s.SealingKeys, func(k SealingKey) bool { return k.ID == id })
	if i < 0 {
		return SealingKey{}, false
	}
	return s.SealingKeys[i], true
}

// ActiveKey returns the key that seals. A parsed fleet has exactly one.
func (s FleetSpec) ActiveKey() (SealingKey, bool) {
	i := slices.IndexFunc(s.SealingKeys, func(k SealingKey) bool { return k.Status == KeyActive })
	if i < 0 {
		return SealingKey{}, false
	}
	return s.SealingKeys[i], true
}

// defaultMaxShare is in percent.
const defaultMaxShare = 50

// MaxShare is the share, in percent, that one revision may remove without
// consent. Default 50.
func (s FleetSpec) MaxShare() int {
	if s.Prune == nil || !percent.MatchString(s.Prune.MaxShare) {
		return defaultMaxShare
	}
	share, _ := strconv.Atoi(strings.TrimSuffix(s.Prune.MaxShare, "%"))
	return share
}

func (c *Cluster) validate(p *problems) {
	p.checkMetadata(c.Metadata)
	if !hexid.IsDigest(c.Spec.Identity) {
		p.add("spec.identity", "must be sha256: and 64 lower-case hexadecimal digits; `bulla cluster add` writes it")
	}
	p.checkRecipient("spec.recipient", c.Spec.Recipient, "age1pq1")
	checkSubstitute(p, "spec.values", c.Spec.Values)
	if c.Spec.VouchedBy != "" && c.Spec.VouchedBy != VouchedByKeyService {
		p.add("spec.vouchedBy", "%q is nobody who can vouch; write %s, or take the line away once the keys were compared "+
			"(`bulla cluster vouch`)", c.Spec.VouchedBy, VouchedByKeyService)
	}
}

func (c *ClusterSet) validate(p *problems) {
	p.checkMetadata(c.Metadata)
	selector := &c.Spec.Selector
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		p.add("spec.selector", "is empty: it would mean every cluster that is ever added; name at least one label")
		return
	}
	for _, problem := range selector.problems() {
		p.add("spec.selector", "%s", problem)
	}
}

// How many may leave in one revision whatever share they are: half of a four-object
// application is not an accident worth a question, and that one placement was taken out
// in review is the consent.
const (
	FreeObjects    = 2
	FreePlacements = 1
)

// FewObjects reports whether so many objects may leave a placement that stays, of those
// that stood, without anybody's consent.
func (s FleetSpec) FewObjects(leaving, stood int) bool {
	return leaving <= FreeObjects || leaving*100 <= s.MaxShare()*stood
}

// FewPlacements reports whether so many placements may leave a cluster in one revision,
// of those that stood, without anybody's consent.
func (s FleetSpec) FewPlacements(leaving, stood int) bool {
	return leaving <= FreePlacements || leaving*100 <= s.MaxShare()*stood
}
