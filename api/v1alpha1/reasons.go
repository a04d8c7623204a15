package v1alpha1

// Reasons of conditions beside those of github.com/fluxcd/pkg/apis/meta.
// Programs read these; messages are for people.
const (
	// NotEnrolledReason: the cluster has no certificate yet.
	NotEnrolledReason = "NotEnrolled"
	// NotInFleetReason: the accepted head has no Cluster file for this cluster,
	// or it is suspended. Nothing is unsealed, nothing is pruned.
	NotInFleetReason = "NotInFleet"
	// RefDiffersReason: the key service follows another ref, tag or range of versions
	// than this FleetSync.
	RefDiffersReason = "RefDiffers"
	// NotPlacedReason: no placement on this cluster makes a Secret of the stub that
	// another deployer applied.
	NotPlacedReason = "NotPlaced"
	// RecipientMismatchReason: this cluster's own file does not hold exactly its
	// own keys. The controller stops.
	RecipientMismatchReason = "RecipientMismatch"
	// FleetMismatchReason: the repository's fleet is not the pinned one, or its
	// signature does not verify under the pinned root key.
	FleetMismatchReason = "FleetMismatch"
	// FleetRolledBackReason: fleet.yaml is older than one that was accepted, or
	// is another one under the same serial.
	FleetRolledBackReason = "FleetRolledBack"
	// GitOperationFailedReason: the remote or the mirror failed; the last
	// accepted head stands.
	GitOperationFailedReason = "GitOperationFailed"
	// HistoryRewrittenReason: the remote's head does not descend from the
	// accepted one.
	HistoryRewrittenReason = "HistoryRewritten"
	// HistoryTooLongReason: more commits than are read lie between the remote's head
	// and the accepted one, so that nobody knows whether the one follows the other.
	HistoryTooLongReason = "HistoryTooLong"
	// CommitNotVerifiedReason: a commit since the accepted head changes what must
	// be signed, and is not signed by one who may.
	CommitNotVerifiedReason = "CommitNotVerified"
	// InvalidFleetReason: the tree at the remote's head cannot be read as a fleet.
	InvalidFleetReason = "InvalidFleet"
	// ConflictReason: two placements claim one object, or an object on the
	// cluster belongs to somebody else.
	ConflictReason = "Conflict"
	// KeyServiceUnavailableReason: a new value waits for the key service.
	KeyServiceUnavailableReason = "KeyServiceUnavailable"
	// UnsealDeniedReason: the key service refused; the message has its code.
	UnsealDeniedReason = "UnsealDenied"
	// NoServiceAccountReason: the Placement names no service account, and the
	// controller has neither a default for it nor leave to apply in its own name.
	NoServiceAccountReason = "NoServiceAccount"
	// StubMissingReason: Git has a reference, and the key service's store does not have
	// the stub that it names. What runs keeps running.
	StubMissingReason = "StubMissing"
	// DeniedReason: an operator denies it at the key service, for a time. What runs
	// goes on.
	DeniedReason = "Denied"
	// WaitingForWindowReason: a new revision waits until a window of the placement
	// opens. What stands is healed; what it drops goes with it, a value at once unless
	// what stands names it.
	WaitingForWindowReason = "WaitingForWindow"
	// WaitingForWaveReason: a new revision waits until the waves before this cluster's
	// are Ready with it, or until the key service can be asked.
	WaitingForWaveReason = "WaitingForWave"
	// SuspendedReason: somebody suspended it, in Git or on the cluster. Nothing is
	// applied, healed or pruned.
	SuspendedReason = "Suspended"
	// UnsealFailedReason: the answer did not open the payload.
	UnsealFailedReason = "UnsealFailed"
	// AuditLogMismatchReason: the key service's answer is not in its audit log,
	// or the log is not the one that this cluster saw before. Nothing of the
	// answer is used.
	AuditLogMismatchReason = "AuditLogMismatch"
	// ApplyFailedReason: the API server refused an object.
	ApplyFailedReason = "ApplyFailed"
	// ContestedReason: somebody else changes or deletes an object again and again.
	ContestedReason = "Contested"
	// PruneBlockedReason: the guard wants consent; see [ConsentAnnotation].
	PruneBlockedReason = "PruneBlocked"
	// StatusNotSavedReason: the API server does not take the status, so that what is
	// owned could not be remembered; nothing is applied.
	StatusNotSavedReason = "StatusNotSaved"
	// StillInUseReason: something that Git dropped stays, because a pod, or an
	// object of Git, still names it.
	StillInUseReason = "StillInUse"
	// DeprovisioningReason: Git no longer places this here; objects are going.
	DeprovisioningReason = "Deprovisioning"
)

// RefDiffersCondition is True of a FleetSync while the key service follows another
// commit of the repository by its configuration; absent while both say the same, and
// while the service has not said. It is not part of Ready: what both follow is delivered.
const RefDiffersCondition = "RefDiffers"
