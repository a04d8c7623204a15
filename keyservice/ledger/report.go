// Package ledger keeps what clusters report of their secrets, and shows it to people.
// It is hearsay: nothing is decided on it.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// Names as Kubernetes has them, bounded: what does not fit is refused, so that
// nothing that a cluster says can break a line of somebody's terminal.
var (
	namespaceForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$`)
	objectForm    = regexp.MustCompile(`^([A-Z][A-Za-z0-9]{0,62}/)?[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?$`)
	workloadForm  = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

// Reporting takes reports of clusters into the ledger.
type Reporting struct {
	*clerk.Clerk

	Heads *heads.Heads
	Store Store
	// After is how long a cluster that left the fleet may report.
	After time.Duration
}

// Report takes a cluster's word on what became of its secrets. The cluster is the
// certificate's: a report has no field for it, so that none can touch another's
// rows. Nothing is decided on what is reported.
func (s *Reporting) Report(ctx context.Context, in *keyservicev1.ReportRequest) (*keyservicev1.ReportResponse, error) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	report, err := readReport(in)
	if err != nil {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Report, keyservicev1.ReasonRequest), err)
	}
	now, err := s.Heads.Usable(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	reason, err := s.mayReport(ctx, who, now)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	if reason != "" {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Report, reason), errors.New("the accepted head does not let this cluster report"))
	}
	entries := reportEntries(who, now, report)
	if err := s.limitNames(ctx, who, named(entries)); err != nil {
		return nil, err
	}
	report.Fleet, report.Cluster, report.Identity, report.At = who.Fleet, who.Name, who.Identity, s.Now()
	wanted := false
	err = s.recordReport(ctx, now, entries, s.Store.Report(*report, &wanted))
	if errors.Is(err, store.ErrLedgerFull) {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Report, keyservicev1.ReasonLedgerFull), err)
	}
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	return &keyservicev1.ReportResponse{CompleteWanted: wanted, Time: s.Now().UnixMicro()}, nil
}

// limitNames takes what the log is to name out of the quota of stubs: the log never
// shrinks, and a cluster that somebody took over would fill the disk by requests alone.
func (s *Reporting) limitNames(ctx context.Context, who authority.Cluster, n int) error {
	q := turnstile.QuotaOf(ctx)
	switch {
	case n == 0:
		return nil
	case q == nil:
		return s.Refuse(keyservicev1.ReasonUnavailable, errors.New("the route has no quota"))
	}
	if wait, ok := q.AllowDigests(n); !ok {
		return s.RefuseLimited(ctx, who.Entry(audit.Report, keyservicev1.ReasonLimited), wait,
			errors.New("too many secrets are reported for the log to name"))
	}
	return nil
}

// mayReport: who is in the fleet, suspended or not; and for a bounded time who
// was, with the key that the file had last. What such a cluster may do elsewhere
// is what nobody in the fleet may: nothing.
func (s *Reporting) mayReport(ctx context.Context, who authority.Cluster, at *heads.Head) (reason string, err error) {
	if cluster, ok := at.Model.Clusters[who.Name]; ok {
		if !heads.IsPinned(cluster, who.Identity) {
			return keyservicev1.ReasonIdentity, nil
		}
		return "", nil
	}
	was, err := s.Store.Member(ctx, who.Fleet, who.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return keyservicev1.ReasonNotInFleet, nil
	case err != nil:
		return "", err
	case was.Identity != who.Identity:
		return keyservicev1.ReasonIdentity, nil
	case was.Left.IsZero():
		return "", errors.New("that the cluster left is not taken note of yet")
	case !s.Now().Before(was.Left.Add(s.After)):
		return keyservicev1.ReasonNotInFleet, nil
	}
	return "", nil
}

// recordReport puts a report into the ledger and the audit log, both or neither.
// A sign of life changes nothing, and the log does not mention it.
func (s *Reporting) recordReport(ctx context.Context, at *heads.Head, entries []audit.Entry,
	change store.Change) error {
	if len(entries) == 0 {
		return s.Store.Do(ctx, change)
	}
	_, err := s.AppendAt(ctx, at, s.Journal.Leave, entries, change)
	return err
}

// readReport holds a report to its form.
func readReport(in *keyservicev1.ReportRequest) (*store.LedgerReport, error) {
	switch {
	case !hexid.IsCommit(in.GetHead()):
		return nil, errors.New("head is not 40 or 64 hexadecimal digits")
	case len(in.GetSecrets()) > protocol.MaxSecrets:
		return nil, fmt.Errorf("more than %d secrets", protocol.MaxSecrets)
	case !in.GetComplete() && (in.GetPart() != 0 || in.GetMore()):
		return nil, errors.New("parts of a report that is not complete")
	}
	r := &store.LedgerReport{Head: in.GetHead(), Complete: in.GetComplete(), Part: in.GetPart(), More: in.GetMore()}
	if in.State != nil {
		if problem := checkState(in.GetState()); problem != "" {
			return nil, fmt.Errorf("state: %s", problem)
		}
		var err error
		if r.State, err = proto.Marshal(in.GetState()); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		r.State = append([]byte{}, r.State...) // an empty one is one
	}
	seen := map[[2]string]bool{}
	for _, secret := range in.GetSecrets() {
		key := [2]string{secret.GetNamespace(), secret.GetName()}
		if problem := checkSecret(secret); problem != "" || seen[key] {
			return nil, fmt.Errorf("a secret stands twice, or is malformed: %s", problem)
		}
		seen[key] = true
		workloads := slices.Sorted(slices.Values(secret.GetWorkloads()))
		r.Secrets = append(r.Secrets, store.LedgerSecret{
			Namespace: secret.GetNamespace(), Name: secret.GetName(), Placement: secret.GetPlacement(), Digest: secret.GetDigest(),
			State: int32(secret.GetState()), Workloads: slices.Compact(workloads),
		})
	}
	return r, nil
}

func checkSecret(secret *keyservicev1.SecretReport) (problem string) {
	switch {
	case !protocol.IsName(secret.GetPlacement()):
		return "placement"
	case !namespaceForm.MatchString(secret.GetNamespace()):
		return "namespace"
	case !objectForm.MatchString(secret.GetName()):
		return "name"
	case secret.GetDigest() != "" && !hexid.IsDigest(secret.GetDigest()):
		return "digest"
	case len(secret.GetWorkloads()) > protocol.MaxWorkloads:
		return "workloads"
	case !slices.Contains(reportable, secret.GetState()):
		return "state"
	}
	for _, workload := range secret.GetWorkloads() {
		if !workloadForm.MatchString(workload) {
			return "workload"
		}
	}
	return ""
}

// reportable are the states that a cluster may report: Configured is ours to
// say.
var reportable = []keyservicev1.SecretState{
	keyservicev1.SecretState_SECRET_STATE_UNSPECIFIED, keyservicev1.SecretState_SECRET_STATE_PROVISIONED,
	keyservicev1.SecretState_SECRET_STATE_IN_USE, keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED,
}
