package auditlog

import (
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Kinds are the kinds that an entry may have, sorted. A filter with any other
// finds nothing, which reads as if nothing had happened.
func Kinds() []string {
	return sorted(string(audit.Unseal), string(audit.Enrol), string(audit.Renew), string(audit.Report),
		string(audit.Rewrap),
		string(audit.Head), string(audit.History), string(audit.Key), string(audit.Token), string(audit.Deny),
		string(audit.Stub), string(audit.Person),
		string(audit.Clone), string(audit.Coalesce), string(audit.Start))
}

// Outcomes are the outcomes that an entry may have, sorted: Done, Granted, and
// the reasons why a digest, a request, a head or an entry was refused.
func Outcomes() []string {
	outcomes := []string{
		"Done", "Unreadable",
		keyservicev1.ReasonCertificate, keyservicev1.ReasonNotInFleet, keyservicev1.ReasonIdentity,
		keyservicev1.ReasonSuspended,
		keyservicev1.ReasonPerson, keyservicev1.ReasonRole, keyservicev1.ReasonJoinToken,
		keyservicev1.ReasonToken,
		keyservicev1.ReasonNameTaken, keyservicev1.ReasonLedgerFull,
		keyservicev1.ReasonTooMuch, keyservicev1.ReasonNoDenial, keyservicev1.ReasonNoStub, keyservicev1.ReasonStubQuota,
		keyservicev1.ReasonRequest, keyservicev1.ReasonLimited,
		keyservicev1.ReasonOverloaded,
		keyservicev1.ReasonUnavailable, keyservicev1.ReasonStale, keyservicev1.ReasonHeadRefused,
		v1alpha1.FleetMismatchReason, v1alpha1.FleetRolledBackReason, v1alpha1.HistoryRewrittenReason,
		v1alpha1.HistoryTooLongReason,
		v1alpha1.CommitNotVerifiedReason, v1alpha1.InvalidFleetReason,
	}
	for number := range keyservicev1.Refusal_name {
		outcomes = append(outcomes, keyservicev1.Refusal(number).Name()) // Granted is among them
	}
	return sorted(outcomes...)
}

func sorted(names ...string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
