package audit

import "time"

// Done is the outcome of what was not refused and releases nothing.
const Done = "Done"

// Entry is one leaf of the log: one decision, or one act of administration. It
// never holds a value, a file key, a token or a PIN. Empty fields are left out.
type Entry struct {
	// Time is when the service decided, UTC, to the microsecond. It never goes
	// back from one entry to the next.
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`
	// Outcome is Granted, Done, or the reason of a refusal.
	Outcome string `json:"outcome"`
	Fleet   string `json:"fleet"`
	// Request joins the entries of one request. For Unseal it is the first 16
	// bytes of the SHA-256 of the caller's nonce, in hexadecimal: the caller knows
	// its own entries by it. Otherwise it is random.
	Request string `json:"request,omitempty"`
	// Cluster or Person is who asked, by the client certificate; both are empty
	// for what the service does itself. Of a Deny entry, Cluster is who is denied.
	Cluster string `json:"cluster,omitempty"`
	Person  string `json:"person,omitempty"`
	// Certificate is the serial number of the client certificate, in hexadecimal;
	// Identity "sha256:" and the hash of its public key.
	Certificate string `json:"certificate,omitempty"`
	Identity    string `json:"identity,omitempty"`
	// Head is the accepted head that the decision was made at, Revision what the
	// caller said it works at.
	Head     string `json:"head,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Placement and Object (namespace/name) are what the digest stands for. Where
	// it stands for more on that cluster, Also has the others, each as
	// [Built.String] writes it: who may open one of them can open all.
	Placement string   `json:"placement,omitempty"`
	Object    string   `json:"object,omitempty"`
	Also      []string `json:"also,omitempty"`
	Digest    string   `json:"digest,omitempty"`
	// Recipient is the cluster's age recipient, of an Enrol that was done: with
	// Identity, all that its Cluster file needs.
	Recipient string `json:"recipient,omitempty"`
	// Ref is the branch whose history may be another, of a History; as the service's
	// configuration has it. Entries of before have none.
	Ref string `json:"ref,omitempty"`
	// Targets and Keys are of the locks that were opened, one for each block.
	Targets []string `json:"targets,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	// Operations is how many token operations were started for it, those of
	// attempts among them that were thrown away since another head was accepted.
	Operations int `json:"operations,omitempty"`
	// Count is how often the same came again after the first, which has an entry of its own:
	// a refusal, or a read of a person.
	Count int `json:"count,omitempty"`
	// Detail says in a few words what the other fields cannot, for people.
	Detail string `json:"detail,omitempty"`
}

// Kind says what an entry records.
type Kind string

// What is recorded.
const (
	Unseal   Kind = "Unseal"
	Enrol    Kind = "Enrol"
	Renew    Kind = "Renew"
	Report   Kind = "Report"
	Rewrap   Kind = "Rewrap"
	Head     Kind = "Head"     // a head was accepted, or refused
	History  Kind = "History"  // an operator accepted a rewritten history
	Key      Kind = "Key"      // a key was made, retired or succeeded
	Token    Kind = "Token"    // a join token was made, or revoked
	Deny     Kind = "Deny"     // an operator denied something, or lifted that
	Stub     Kind = "Stub"     // a person put a stub in the store
	Person   Kind = "Person"   // what a person did that is none of the above
	Clone    Kind = "Clone"    // a certificate is in use in two places
	Coalesce Kind = "Coalesce" // refusals counted instead of recorded one by one
	Start    Kind = "Start"    // the service started
)
