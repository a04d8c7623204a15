package servicecmd

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// statusEvery is how often --wait asks: each time is an entry of the audit log.
const statusEvery = 5 * time.Second

// lookFirst has the service look at Git before anything is judged by its head: a
// moment after a push, all is well as of the commit before.
func (a run) lookFirst(ctx context.Context, admin *client.Admin, f statusFlags) error {
	if f.head != "" && !hexid.IsCommit(f.head) {
		return fault.NewUsage("give all digits: --head $(git rev-parse HEAD)", "--head %q is not a full commit hash", f.head)
	}
	if f.head != "" && !f.check && !f.wait {
		return fault.NewUsage("--check or --wait", "--head alone asks for nothing")
	}
	if !f.check && !f.wait {
		return nil
	}
	out, err := admin.Look(ctx)
	var denied *client.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonRole:
		a.Warnf(
			"your roles do not let you have the key service look at Git first (operator, developer): it is judged by the " +
				"head that it has")
	case err != nil:
		return login.Refused(err)
	case out.GetRefused():
		a.Warnf("the repository's newest commit is not accepted; the key service's readiness says why")
	}
	return nil
}

// readStatus asks once, or with --wait until all is well or the time is over.
func (a run) readStatus(
	ctx context.Context, admin *client.Admin, f statusFlags, in *keyservicev1.ListLedgerRequest, secret string,
) (ledger.Status, error) {
	progress := a.Progress()
	defer progress("")
	for end := time.Now().Add(f.timeout); ; {
		out, err := admin.ListLedger(ctx, in)
		if err != nil && (!f.wait || !errors.Is(err, client.ErrUnavailable) || time.Now().After(end)) {
			return ledger.Status{}, refusedLedger(err)
		}
		if err == nil {
			status := ledger.Read(out, f.patience)
			if secret != "" {
				status.KeepSecrets(secret)
			}
			if !f.wait || time.Now().After(end) ||
				!a.isBehind(status, f.head) && !status.Troubled() && !checkedNothing(f, secret, status, countSecrets(status)) {
				return status, nil
			}
			progress("waits: head %s", shell.Short(status.Head))
		}
		select {
		case <-ctx.Done():
			return ledger.Status{}, ctx.Err()
		case <-time.After(min(statusEvery, max(time.Until(end), time.Millisecond))):
		}
	}
}

func countSecrets(status ledger.Status) (n int) {
	for _, c := range status.Clusters {
		n += len(c.Secrets)
	}
	return n
}

// isBehind says that the accepted head is neither the commit that was asked for
// nor, as far as this clone knows, one after it.
func (a run) isBehind(status ledger.Status, head string) bool {
	return head != "" && !exposure.OpenClone(".").Descends(status.Head, head)
}

func (a run) notThere(status ledger.Status, head string) bool {
	if !a.isBehind(status, head) {
		return false
	}
	a.Warnf("%s is not accepted: the key service is at %s; in a clone that has both, a commit after it counts too",
		shell.Short(head), shell.Short(status.Head))
	return true
}
