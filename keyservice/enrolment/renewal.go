package enrolment

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// clockAlarm is how far a cluster's clock may be off before the log says so.
const clockAlarm = 10 * time.Minute

// Renew issues a certificate for the same key and name. It grants nothing: a
// cluster whose file is not merged yet, or says suspend, keeps its certificate
// alive so that it need not enrol again; one whose file names another key does
// not. See mayRenew for expired ones.
func (s *Enrolment) Renew(ctx context.Context, in *keyservicev1.RenewRequest) (*keyservicev1.RenewResponse, error) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	der, err := authority.ReadRequest(in.GetCsr())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonRequest, err, "cluster", who.Name)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonRequest, err, "cluster", who.Name)
	}
	if !isSameKey(who, public) {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Renew, keyservicev1.ReasonIdentity), errors.New("renewal for another key"))
	}
	current, err := s.Heads.Usable(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	if reason := mayRenew(who, current); reason != "" {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Renew, reason), errors.New("the accepted head does not let this certificate be renewed"))
	}
	if left, err := hasLeft(ctx, s.Store, who, current); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	} else if left {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Renew, keyservicev1.ReasonNotInFleet), errors.New("the cluster left the fleet"))
	}
	issued, err := s.Authority.IssueCluster(who.Name, public)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	row := issued.Row(who.Fleet, who.Name, who.Serial)
	e := who.Entry(audit.Renew, audit.Done)
	e.Certificate, e.Head, e.Detail = row.Serial, current.Hash, "in place of certificate "+who.Serial
	if _, err := s.AppendAt(ctx, current, s.Journal.Append, []audit.Entry{e}, s.Store.AddCertificate(row)); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	s.Log.Info("certificate renewed", "cluster", row.Cluster, "identity", row.Identity, "serial", row.Serial)
	s.compareClocks(ctx, who, in.GetTime())
	return &keyservicev1.RenewResponse{
		Certificate: issued.Certificate.Raw, Ca: issued.CA, Succession: issued.Succession,
		GraceUrl: s.GraceURL, Time: s.Now().UnixMicro(),
	}, nil
}

func isSameKey(who authority.Cluster, public any) bool {
	hash, err := protocol.PublicKeyHash(public)
	return err == nil && hash == who.Identity
}

// mayRenew asks the accepted head. With a certificate that still counts, a
// cluster whose file is not merged yet, or says suspend, keeps it alive; with an
// expired one the file must be there, name this key and not say suspend.
func mayRenew(who authority.Cluster, at *heads.Head) (reason string) {
	_, reason = heads.Admit(at.Model, who.Name, who.Identity)
	if reason == keyservicev1.ReasonIdentity || who.Expired {
		return reason
	}
	return ""
}

// compareClocks says when a cluster's clock is far from ours. Nothing is decided
// by it: certificates start a day before they are issued, and clusters reckon
// their life from when they got them.
func (s *Enrolment) compareClocks(ctx context.Context, who authority.Cluster, theirs int64) {
	if theirs == 0 {
		return
	}
	off := time.UnixMicro(theirs).Sub(s.Now())
	if off.Abs() > clockAlarm {
		s.Metrics.ClocksApart()
		s.Log.WarnContext(ctx, "the clocks of cluster and service are apart", "cluster", who.Name, "seconds", int64(off.Seconds()))
	}
}

// hasLeft tells a cluster that was in the fleet from one that is not yet: the
// second keeps its certificate alive until its file merges, the first does not.
// One that is built anew under the name of one that left has another key, and is
// not yet in it.
func hasLeft(ctx context.Context, rows Store, who authority.Cluster, at *heads.Head) (bool, error) {
	if _, ok := at.Model.Clusters[who.Name]; ok {
		return false, nil
	}
	was, err := rows.Member(ctx, who.Fleet, who.Name)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && was.Identity == who.Identity, err
}
