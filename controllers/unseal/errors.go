package unseal

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// requestError says why a whole request has no answer.
func requestError(err error) error {
	var denied *client.DeniedError
	var own *loop.Error
	var log *client.LogError
	var memory *client.MemoryError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &own):
		return own
	case errors.As(err, &log):
		return logMismatch(log)
	case errors.As(err, &memory):
		return failure(v1alpha1.AuditLogMismatchReason, memory.Where+" is damaged: "+
			"it is not known which audit log this cluster saw, and nothing is asked; hint: "+memoryHint, err)
	case client.IsRefusedCertificate(err):
		// The FleetSync renews it, whatever it reckons its life to be.
		return stale(v1alpha1.KeyServiceUnavailableReason, "the key service does not take this cluster's certificate; it is renewed", err)
	case errors.As(err, &denied) && (denied.Reason == keyservicev1.ReasonNotInFleet || denied.Reason == keyservicev1.ReasonSuspended):
		// Our head says that we are in: one of the two is behind.
		return stale(v1alpha1.NotInFleetReason, denied.Error(), err)
	case errors.As(err, &denied):
		return failure(v1alpha1.UnsealDeniedReason, denied.Error(), err)
	case client.IsRepositoryStale(err):
		return failure(v1alpha1.KeyServiceUnavailableReason, repositoryStale, err)
	case client.IsHeadRefused(err):
		return failure(v1alpha1.KeyServiceUnavailableReason, headRefused, err)
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return failure(v1alpha1.KeyServiceUnavailableReason, fmt.Sprintf("the key service does not answer: %v", say.Steady(err)), err)
	}
	return failure(v1alpha1.UnsealFailedReason, say.Steady(err).Error(), err)
}

// repositoryStale is for a service that opens nothing new. Which commit hides
// the news, and since when, is known there alone.
const repositoryStale = "the key service has not seen for too long whether its head is the repository's newest (RepositoryStale): " +
	"it opens nothing new, and what runs is kept; hint: ask who runs the key service: its /readyz says since when, and what the last look gave"

// headRefused is for a service that sees a tip which it does not accept.
const headRefused = "the key service does not accept the tip of the repository, and did not for too long (HeadRefused): " +
	"it opens nothing new, and what runs is kept; hint: mend the branch; the FleetSync's condition and the key service's /readyz say what is wrong with it"

// logMismatch is an answer that the audit log does not bear out. It is tried
// again, with back-off: a service that was repaired is believed again, and until
// then every try is refused the same way.
func logMismatch(err *client.LogError) *loop.Error {
	message := "the audit log's entry is of another decision"
	for sentinel, text := range map[error]string{
		audit.ErrNoLogKey:    "fleet.yaml has no spec.logKey, so no answer can be held against the audit log",
		audit.ErrCheckpoint:  "the answer carries no checkpoint of this fleet's audit log",
		audit.ErrConsistency: "the audit log is not the one that this cluster saw before",
		audit.ErrInclusion:   "the answer is not in the audit log",
		audit.ErrEntry:       "the audit log's entry cannot be read",
	} {
		if errors.Is(err, sentinel) {
			message = text
		}
	}
	return failure(v1alpha1.AuditLogMismatchReason, message+"; hint: "+mismatchHint, err)
}

// mismatchHint is for whoever reads the condition. Numbers are in the log: a
// message that changed with every try would be an event each.
const mismatchHint = `somebody rewrote the log or put an old copy of it in its place; ` +
	`before anything is changed, read ` + manual.At + `operations/audit-log-mismatch.md`

const memoryHint = `find out who wrote to it; before it is deleted, read ` + manual.At +
	`operations/audit-log-mismatch.md`

// refusal says why one stub was refused. At another head than ours it may be
// granted when the two meet.
func refusal(n Sealed, code keyservicev1.Refusal, sameHead bool) *loop.Error {
	reason, says := v1alpha1.UnsealDeniedReason, fmt.Sprintf("%s: the key service says %s", describe(n), code.Name())
	switch code {
	case keyservicev1.Refusal_REFUSAL_UNAVAILABLE:
		reason = v1alpha1.KeyServiceUnavailableReason
	case keyservicev1.Refusal_REFUSAL_STALE_REVISION:
		return stale(v1alpha1.KeyServiceUnavailableReason, says, nil)
	case keyservicev1.Refusal_REFUSAL_DENIED:
		// Whatever the head: no commit makes it other.
		return failure(v1alpha1.DeniedReason, fmt.Sprintf("%s: %s", describe(n), deniedByOperator), nil)
	case keyservicev1.Refusal_REFUSAL_STUB_MISSING:
		reason, says = v1alpha1.StubMissingReason, fmt.Sprintf("%s: %s", describe(n), stubIsMissing)
	case keyservicev1.Refusal_REFUSAL_ENDED:
		says += endedByTime
	}
	if !sameHead {
		return stale(reason, says, nil)
	}
	return failure(reason, says, nil)
}

// stubIsMissing is for who looks at the cluster.
const stubIsMissing = "the key service's store does not have the stub that the reference in Git names, and what runs " +
	"stays as it is; hint: put the stub again, or take the commit back"

// endedByTime is for a cluster whose clock is behind the service's.
const endedByTime = ": by its clock every target that placed it here has ended (notAfter), and what stands goes " +
	"once this cluster's clock says so too; hint: a later notAfter in Git grants it again"

// deniedByOperator is for who looks at the cluster; who denied it, until when and
// why is for people with a login.
const deniedByOperator = "an operator of the key service denies it for a time (Denied); what runs goes on, and it is asked for again; " +
	"hint: `bulla deny ls` says who, until when and why"

// worse keeps the error that a person must hear of: a final one before one that
// heals, the first among equals.
func worse(a, b *loop.Error) *loop.Error {
	if a == nil || a.Retryable() && !b.Retryable() {
		return b
	}
	return a
}
