package fleetsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/unseal"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// clockAlarm is how far the key service's clock may be off before an event says
// so. Nothing depends on it but what people read.
const clockAlarm = 10 * time.Minute

// joinTokenKey is the key of the join token in its Secret.
const joinTokenKey = "token"

// enrolment is who this cluster is to the key service: its keys, its certificate, its
// connection.
type enrolment struct {
	*Options
	log *keyservice.Log // see auditLog
}

// identify makes the cluster's keys on the first pass and shows the public ones:
// they are what the Cluster file in Git must hold.
func (r *enrolment) identify(ctx context.Context, p *pass) error {
	identity, err := r.Identities.Get(ctx)
	if err != nil {
		return err
	}
	r.take(p, identity)
	return nil
}

// take makes identity the pass's and puts its public side into the status.
func (r *enrolment) take(p *pass, identity *unseal.Identity) {
	p.identity = identity
	status := &p.obj.Status
	status.Recipient, status.Identity, status.Fleet = identity.Recipient(), identity.Fingerprint(), identity.Fleet()
	status.CertificateNotAfter = nil
	if at := identity.NotAfter(); !at.IsZero() {
		status.CertificateNotAfter = &metav1.Time{Time: at}
		r.Metrics.Certificate(at)
	}
}

// enrol gets the cluster a certificate: by the join token when it has none, by
// renewal from two thirds of its life on. Without a certificate the fleet's root
// key is not pinned either, so the pass ends; with an expired one the root key
// still is, and Git is followed on: only new values wait.
func (r *enrolment) enrol(ctx context.Context, p *pass) error {
	cluster := p.obj.Spec.ClusterName
	if p.identity.EnrolledAs(cluster, p.now) && r.rejoin(ctx, p) {
		r.connect(p)
		return nil
	}
	if p.identity.EnrolledAs(cluster, p.now) {
		if p.identity.Renewable(p.now) || r.Link.Refused(p.identity) {
			if err := r.renew(ctx, p); err != nil {
				// The certificate is good for a third of its life yet.
				logf.FromContext(ctx).Error(say.Steady(err), "renew certificate")
				r.warn(p.obj, "RenewFailed", fmt.Sprintf("certificate is not renewed: %v", say.Steady(err)))
			}
		}
		r.connect(p)
		return nil
	}
	known := p.identity.Cluster() != "" && p.identity.Cluster() == cluster
	if known && r.renew(ctx, p) == nil {
		r.connect(p)
		return nil
	}
	err := r.join(ctx, p)
	if err == nil {
		r.connect(p)
		return nil
	}
	if known {
		p.later = err
		return nil
	}
	return err
}

func (r *enrolment) connect(p *pass) {
	r.Link.Connect(r.dialer(), p.obj.Spec.KeyService.URL, p.identity, r.auditLog())
}

func (r *enrolment) dialer() unseal.Dialer {
	if r.Service.Dial != nil {
		return r.Service.Dial
	}
	return unseal.Dial
}

// renew asks the key service, and where that does not take the certificate any
// more, the place for expired ones that it named before.
func (r *enrolment) renew(ctx context.Context, p *pass) error {
	credentials, err := r.renewAt(ctx, p, p.obj.Spec.KeyService.URL)
	if unseal.MayUseGrace(err) && p.identity.Grace() != "" {
		if late, failed := r.renewAt(ctx, p, p.identity.Grace()); failed == nil {
			credentials, err = late, nil
		}
	}
	if err != nil {
		return err
	}
	next, err := p.identity.Renewed(credentials, p.now)
	return r.keep(ctx, p, credentials, next, err)
}

func (r *enrolment) renewAt(ctx context.Context, p *pass, url string) (*keyservice.Credentials, error) {
	service := r.dialer()(url, p.identity.TLSCertificate(), p.identity.Authority(), r.auditLog())
	if closer, ok := service.(interface{ Close() }); ok {
		defer closer.Close()
	}
	return service.Renew(ctx)
}

// rejoin enrols anew when the operator put another join token into the Secret:
// the key service has a new authority or a new root key, as after a lost token,
// and what this cluster pinned of the old ones leads nowhere. It reports whether
// it did. The cluster's own keys stay, so its file in Git does too. When it
// fails, what the cluster has is used on.
func (r *enrolment) rejoin(ctx context.Context, p *pass) bool {
	token, err := r.joinToken(ctx, p)
	if err != nil || !unseal.IsAnotherToken(token, p.identity) {
		return false
	}
	if err := r.joinWith(ctx, p, token); err != nil {
		logf.FromContext(ctx).Error(say.Steady(err), "enrol with the new join token")
		r.warn(p.obj, "RejoinFailed", fmt.Sprintf("not enrolled with the new join token: %v", say.Steady(err)))
		return false
	}
	r.note(p.obj, "Enrolled", fmt.Sprintf("enrolled with a new join token as cluster %q of fleet %s",
		p.identity.Cluster(), p.identity.Fleet()))
	return true
}

// join enrols with the join token.
func (r *enrolment) join(ctx context.Context, p *pass) error {
	token, err := r.joinToken(ctx, p)
	if err != nil {
		return err
	}
	return r.joinWith(ctx, p, token)
}

// tokenHint says where the answer is that a stranger does not get.
const tokenHint = "the join token is used, expired or not that service's: its log says which, and so does `bulla audit log --kind Enrol`; " +
	"put a new one into the Secret, from `bulla-keyservice token create`"

// takenHint tells two machines of one name from one that was built anew.
const takenHint = "another machine enrolled as spec.clusterName: give this one a name of its own, or, " +
	"if it was built anew, a token for that name from `bulla-keyservice token create --cluster`"

func (r *enrolment) joinWith(ctx context.Context, p *pass, token protocol.JoinToken) error {
	enroll := r.Service.Enroll
	if enroll == nil {
		enroll = keyservice.Enroll
	}
	credentials, err := enroll(ctx, p.identity.Join(token, p.obj.Spec.ClusterName))
	if err != nil {
		return notEnrolled(token.URL, err)
	}
	next, err := p.identity.Joined(credentials, token, p.now)
	return r.keep(ctx, p, credentials, next, err)
}

// notEnrolled is what the condition says when enrolment failed.
func notEnrolled(url string, err error) error {
	denied := (*keyservice.DeniedError)(nil)
	switch {
	case errors.Is(err, keyservice.ErrUnavailable):
		return loop.Waiting(v1alpha1.NotEnrolledReason, "key service %s does not answer: %w", url, say.Steady(err))
	case errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonJoinToken:
		return loop.Waiting(v1alpha1.NotEnrolledReason, "key service %s: %w; hint: %s", url, err, tokenHint)
	case errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonNameTaken:
		return loop.Waiting(v1alpha1.NotEnrolledReason, "key service %s: %w; hint: %s", url, err, takenHint)
	}
	return loop.Waiting(v1alpha1.NotEnrolledReason, "key service %s: %w", url, err)
}

// joinToken reads the token, which is a credential: no message quotes it. A
// wrong token is waited out: the Secret is not watched, and may be replaced.
func (r *enrolment) joinToken(ctx context.Context, p *pass) (protocol.JoinToken, error) {
	none := protocol.JoinToken{}
	ref := p.obj.Spec.KeyService.JoinTokenSecretRef
	if ref == nil {
		return none, loop.Stalled(v1alpha1.NotEnrolledReason,
			"this cluster has no valid certificate, and spec.keyService.joinTokenSecretRef names no join token")
	}
	secret := &corev1.Secret{}
	err := r.Client.Get(mask.Silent(ctx), client.ObjectKey{Namespace: r.Namespace, Name: ref.Name}, secret)
	if apierrors.IsNotFound(err) {
		return none, loop.Waiting(v1alpha1.NotEnrolledReason, "the join token's secret %q does not exist", ref.Name)
	}
	if err != nil {
		return none, fmt.Errorf("read join token: %w", err)
	}
	token, err := protocol.ParseJoinToken(string(secret.Data[joinTokenKey]))
	if err != nil {
		return none, loop.Waiting(v1alpha1.NotEnrolledReason, "secret %q, key %q: %w", ref.Name, joinTokenKey, err)
	}
	if !token.Names().Admits(p.obj.Spec.ClusterName) {
		return none, loop.Waiting(v1alpha1.NotEnrolledReason, "the join token is for %q, and spec.clusterName is %q",
			token.Cluster, p.obj.Spec.ClusterName)
	}
	if p.identity.Fleet() != "" && p.identity.Fleet() != token.Fleet {
		return none, loop.Stalled(v1alpha1.FleetMismatchReason,
			"the join token is for fleet %s, and this cluster belongs to fleet %s; to leave it, delete the secret %q",
			token.Fleet, p.identity.Fleet(), unseal.IdentitySecret)
	}
	// The authority is pinned by the token whatever the address: the one that
	// this cluster was told to use counts.
	token.URL = p.obj.Spec.KeyService.URL
	return token, nil
}

// keep makes durable what the key service gave, before its first use.
func (r *enrolment) keep(ctx context.Context, p *pass, credentials *keyservice.Credentials, next *unseal.Identity,
	err error) error {
	if err != nil {
		return loop.Waiting(v1alpha1.NotEnrolledReason, "%w", err)
	}
	if err := r.Identities.Put(ctx, next); err != nil {
		return err
	}
	if credentials.Skew.Abs() > clockAlarm {
		r.warn(p.obj, "ClockSkew", fmt.Sprintf("the key service's clock is %s ahead of this cluster's",
			credentials.Skew.Round(time.Second)))
	}
	first := p.identity.NotAfter().IsZero()
	r.take(p, next)
	if first {
		r.note(p.obj, "Enrolled", fmt.Sprintf("enrolled as cluster %q of fleet %s", next.Cluster(), next.Fleet()))
	}
	return nil
}

// auditLog is what every connection to the key service is held against.
func (r *enrolment) auditLog() *keyservice.Log {
	if r.log == nil {
		r.log = keyservice.NewLog(r.logKey, unseal.NewLogMemory(r.Client, r.Namespace))
	}
	return r.log
}

// logKey is the key in fleet.yaml at the accepted head, which the root key
// signed.
func (r *enrolment) logKey() string {
	if s := r.Snapshots.Load(); s != nil {
		return s.Fleet.Spec.LogKey
	}
	return ""
}

// remember makes what an accepted head's fleet.yaml tells durable, before
// anything is done on the strength of that head.
func (r *enrolment) remember(ctx context.Context, p *pass, head *follow.Head) error {
	if head.Known == p.identity.Known() {
		return nil
	}
	next := p.identity.Knowing(head.Known, head.Hash)
	if err := r.Identities.Put(ctx, next); err != nil {
		return fmt.Errorf("remember serial %d of fleet.yaml: %w", head.Known.Serial, err)
	}
	r.take(p, next)
	return nil
}
