package standing

import (
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// advice says what to do about each reason of a condition, as docs/reference/conditions.md
// has it at length: a test holds the one against the other.
var advice = map[string]string{
	"NotEnrolled":       "Create the Secret with a join token on the cluster.",
	"NotInFleet":        "Merge the cluster's file, or take suspend out of it.",
	"RefDiffers":        "Give the cluster's FleetSync the branch or tag that the key service follows.",
	"NotPlaced":         "Place the folder of the stub, or delete the object.",
	"RecipientMismatch": "Run `bulla cluster add` again, from the cluster.",
	"FleetMismatch":     "Find out who changed fleet.yaml: the pinned root key did not sign it.",
	"FleetRolledBack":   "Put the newest fleet.yaml back, and find out who put the old one there.",
	"GitOperationFailed": "The message has what Git said. Look at the address, the credentials and the network; " +
		"it is tried again by itself.",
	"HistoryRewritten":  "Put the branch back, or accept one head by name (`bulla history accept --help`).",
	"HistoryTooLong":    "Push in smaller steps, or accept the tip as a rewritten history.",
	"CommitNotVerified": "Sign the commit in the message, and push the branch again.",
	"InvalidFleet":      "Mend fleet.yaml: the message has file, line and field.",
	"Conflict":          "Remove one of the two claims, or choose another namespace.",
	"KeyServiceUnavailable": "Nothing on the cluster: what runs keeps running, and it is asked again every few seconds. " +
		"Is the key service up?",
	"UnsealDenied":     "The message has the key service's code. What it means: " + manual.Reasons,
	"NoServiceAccount": "Name a service account in the placement: " + manual.At + "operations/accounts.md",
	"StubMissing":      "Bring the stub back into the key service's store, or take the commit back.",
	"Denied":           "An operator denies it for a time. `bulla deny ls` says who, until when and why.",
	"WaitingForWindow": "Nothing. To have it now, change spec.windows in Git.",
	"WaitingForWave": "Look at the clusters of the wave before. Mend the release or revert it; a cluster that will not " +
		"come back is let out by maxUnavailable.",
	"Suspended":        "Resume it where it was suspended: in Git, or on the cluster.",
	"UnsealFailed":     "Seal the value again: it was sealed for another object.",
	"AuditLogMismatch": "Nothing of the answer was used. What now: " + manual.At + "operations/audit-log-mismatch.md",
	"ApplyFailed":      "The message names the object and why; it is tried again by itself.",
	"Contested":        "Stop who else changes the object, or take it out of Git.",
	"PruneBlocked":     "Check what goes, then consent by an annotation on the cluster, or in fleet.yaml for many.",
	"StatusNotSaved":   "The message has the API server's answer. Split a placement that is too large.",
	"StillInUse":       "Finish the rollout: a pod or an object in the message still names it.",
	"Deprovisioning":   "Nothing: it is going.",

	// Flux's own.
	"Succeeded": "Nothing.", "ReconciliationSucceeded": "Nothing.",
	"Progressing": "Nothing; the message says with what.", "ProgressingWithRetry": "Nothing; it is tried again.",
	"BuildFailed":                   "Mend the file and line in the message.",
	"DependencyNotReady":            "Look at the placement in the message: it is to be Ready first.",
	"HealthCheckFailed":             "Look at the objects in the message: their events and logs say more.",
	"InvalidCELExpression":          "Mend healthCheckExprs of the placement: the message has the expression.",
	"PruneFailed":                   "The message has the object, and why it cannot be deleted; it is tried again.",
	"ReconciliationFailed":          "The message says what failed; it is tried again.",
	"InvalidURL":                    "Mend spec.url of the cluster's FleetSync.",
	"InsecureConnectionsDisallowed": "Use https or ssh in spec.url of the cluster's FleetSync.",
	"Failed":                        "The message says what; it is tried again.",
}

// words say a reason of a Delivery to who does not know the term.
var words = map[string]string{
	"ApplyFailed":           "The cluster refuses an object",
	"AuditLogMismatch":      "The key service's answer is not in its audit log",
	"BuildFailed":           "It does not build",
	"Conflict":              "An object of it belongs to somebody else",
	"Contested":             "Somebody else changes an object of it again and again",
	"Denied":                "An operator denies a value",
	"DependencyNotReady":    "It waits for another application",
	"Deprovisioning":        "It is going",
	"HealthCheckFailed":     "It does not become healthy",
	"InvalidCELExpression":  "A health check of it cannot be read",
	"KeyServiceUnavailable": "A new value waits for the key service",
	"NoServiceAccount":      "It has no service account",
	"NotInFleet":            "The cluster is not in the fleet",
	"PruneBlocked":          "More would be deleted than one change may",
	"PruneFailed":           "Something cannot be deleted",
	"ReconciliationFailed":  "It cannot be brought about",
	"StatusNotSaved":        "The cluster does not take its status",
	"StillInUse":            "Something that Git dropped is still in use",
	"StubMissing":           "A value is not in the key service's store",
	"Suspended":             "It is suspended",
	"UnsealDenied":          "The key service refuses a value",
	"UnsealFailed":          "A value does not open",
	"WaitingForWave":        "A new version waits for the wave before",
	"WaitingForWindow":      "A new version waits for its window",
}

// Words are a reason in plain words; one that nobody knows is itself, made harmless.
func Words(reason string) string {
	if said, known := words[reason]; known {
		return said
	}
	return printable.Line(reason, longestReason)
}

const longestReason = 80 // bytes

// Advice is what to do about a reason.
func Advice(reason string) string {
	if do, known := advice[reason]; known {
		return do
	}
	return "`bulla events` and the cluster's own status say more."
}

// Reasons are those that there is advice for, sorted.
func Reasons() []string { return slices.Sorted(maps.Keys(advice)) }
