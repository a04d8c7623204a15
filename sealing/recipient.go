package sealing

import (
	"slices"
	"strings"
	"sync"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// postQuantum is age's own label: recipients with and without it do not mix.
const postQuantum = "postquantum"

// lockRecipient writes the lock stanza of a payload, and keeps the file key
// for the locks.
type lockRecipient struct {
	context     [32]byte
	postQuantum bool
	fileKey     []byte
}

func (r *lockRecipient) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	r.fileKey = slices.Clone(fileKey)
	return []*age.Stanza{{Type: lockStanza, Args: []string{rawBase64.EncodeToString(r.context[:])}}}, nil
}

// WrapWithLabels makes age refuse a classic recovery recipient beside a hybrid lock.
func (r *lockRecipient) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	stanzas, err := r.Wrap(fileKey)
	if r.postQuantum {
		return stanzas, []string{postQuantum}, err
	}
	return stanzas, nil, err
}

func (r *lockRecipient) clear() { clear(r.fileKey) }

// unlabelled hides a recipient's labels: beside a classic lock a post-quantum
// recovery key does no harm, and age alone would refuse it.
type unlabelled struct{ recipient age.Recipient }

func (u unlabelled) Wrap(fileKey []byte) ([]*age.Stanza, error) { return u.recipient.Wrap(fileKey) }

// parseRecovery reads an offline key's recipient.
func parseRecovery(suite api.Suite, text string) (age.Recipient, error) {
	hybrid := strings.HasPrefix(text, "age1pq1") || strings.HasPrefix(text, "age1tagpq1")
	if suite == api.SuiteHybrid && !hybrid {
		return nil, refuse(ClassParse, "recipient is not post-quantum, but the sealing key is: write age1pq1… (age-keygen "+
			"-pq)")
	}
	recipient, err := parseAny(text)
	if err != nil {
		return nil, refuse(ClassParse, "recipient is not an age recipient")
	}
	if suite == api.SuiteHybrid {
		return recipient, nil
	}
	return unlabelled{recipient}, nil
}

func parseAny(text string) (age.Recipient, error) {
	switch {
	case strings.HasPrefix(text, "age1pq1"):
		return age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, "age1tag1"):
		key, err := ParsePublicKey(api.SuiteP256, text)
		return tagged{key}, err
	case strings.HasPrefix(text, "age1tagpq1"):
		key, err := ParsePublicKey(api.SuiteHybrid, text)
		return tagged{key}, err
	}
	return age.ParseX25519Recipient(text)
}

// parsedRecipients keeps clusters' recipients: a batch of a hundred blocks
// has one, and decoding its 2,000 characters costs as much as using it.
var parsedRecipients = struct {
	sync.Mutex
	byText map[string]*age.HybridRecipient
}{byText: map[string]*age.HybridRecipient{}}

// maxParsed bounds parsedRecipients, in entries of about 5 kB.
const maxParsed = 1000

// parseClusterRecipient reads age1pq1…. The text has one spelling: age refuses
// upper case for its prefix, and Bech32 refuses mixed case.
func parseClusterRecipient(text string) (*age.HybridRecipient, error) {
	parsedRecipients.Lock()
	defer parsedRecipients.Unlock()
	if recipient, ok := parsedRecipients.byText[text]; ok {
		return recipient, nil
	}
	recipient, err := age.ParseHybridRecipient(text)
	if err != nil {
		return nil, refuse(ClassParse, "recipient is not a cluster's age recipient (age1pq1…)")
	}
	if len(parsedRecipients.byText) >= maxParsed {
		clear(parsedRecipients.byText)
	}
	parsedRecipients.byText[text] = recipient
	return recipient, nil
}
