package fleetsync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// defaultTimeout bounds one Git operation, defaultInterval is between looks.
const (
	defaultTimeout  = time.Minute
	defaultInterval = 15 * time.Second
)

// openMirror is the mirror that is open, and what it was opened with.
type openMirror struct {
	source.Source
	key string
	// before reads heads of before. One by one for each Delivery, and each whole, a
	// fleet of thousands of files would be parsed thousands of times.
	before *model.Loader
}

// read reads a head of before, for what was built from it.
func (m openMirror) read(head string) (*tree.Tree, *model.Model, error) {
	files, err := m.Tree(head)
	if err != nil {
		return nil, nil, err
	}
	read, err := m.before.Load(files)
	return files, read, err
}

// hasty gives up on one Git operation after the time that a FleetSync allows.
type hasty struct {
	source.Source
	timeout time.Duration
}

func (h hasty) Look(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	return h.Source.Look(ctx)
}

func (h hasty) Fetch(ctx context.Context, base string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	return h.Source.Fetch(ctx, base)
}

// remote is the repository, as far as this cluster looks at it.
type remote struct {
	*Options
	enrolment *enrolment

	mirror openMirror
	rule   follow.Rule
	looked time.Time // when it was last asked with success
	wanted atomic.Bool
	// hint is what the key service told of.
	hint hint
}

// look asks the remote for its head, which is all that an idle fleet costs, and
// fetches when it moved, or when the mirror is damaged. It only goes forward.
func (r *remote) look(ctx context.Context, p *pass) error {
	if err := r.open(ctx, p); err != nil {
		return err
	}
	unusable := r.hold(p)
	if !r.due(p) {
		p.head = r.Snapshots.Load().Head
		return nil
	}
	remote, err := r.rule.Source.Look(ctx)
	if err != nil {
		r.Metrics.Look("failed")
		return gitError(p.obj, err)
	}
	r.looked = p.now
	accepted := hashOf(p.obj.Status.Head)
	p.damaged = r.mirror.Damaged()
	if r.rule.IsAt(remote, accepted) {
		r.Metrics.Look("unchanged")
		p.head, p.again = remote, r.hint.again(r.mirror.Contains)
		return nil
	}
	r.Metrics.Look("moved")
	last := lastHead{enrolment: r.enrolment, p: p, unusable: unusable}
	if p.next, err = r.rule.Next(ctx, remote, last); err != nil {
		p.next, err = r.byWord(ctx, last, remote, err)
	}
	if err != nil {
		return err
	}
	p.head = p.next.Hash
	return nil
}

// due says whether the remote is asked in this pass. A pass that a Delivery's
// event started soon after a look is not a reason for another.
func (r *remote) due(p *pass) bool {
	return r.wanted.Swap(false) || r.Snapshots.Load() == nil || p.failing ||
		p.requested() != p.handled || p.obj.Generation != p.obj.Status.ObservedGeneration ||
		p.now.Sub(r.looked) > intervalOf(p.obj)/2
}

// acceptedRewrite is the head that the annotation OLD..NEW accepts in the place
// of the accepted head, "" if it names another. Both are named, so that an
// annotation which stays behind accepts nothing a second time.
func acceptedRewrite(obj *v1alpha1.FleetSync, accepted string) string {
	from, to, ok := strings.Cut(obj.Annotations[v1alpha1.AcceptRewriteAnnotation], "..")
	if !ok || accepted == "" || from != accepted || from == to || !hexid.IsSHA1Commit(to) {
		return ""
	}
	return to
}

// open opens the mirror again when the URL, the ref or the credentials changed.
func (r *remote) open(ctx context.Context, p *pass) error {
	if err := r.checkURL(p.obj.Spec.URL); err != nil {
		return err
	}
	auth, err := r.auth(ctx, p.obj)
	if err != nil {
		return err
	}
	ref, tags := refOf(p.obj), git.Tags{Tag: p.obj.Spec.Tag, SemVer: p.obj.Spec.SemVer}
	if err := tags.Check(); err != nil {
		return loop.Stalled(v1alpha1.GitOperationFailedReason, "spec.tag, spec.semver: %w", err)
	}
	place := sha256.Sum256([]byte(p.obj.Spec.URL + "\x00" + ref))
	key := fmt.Sprintf("%x %x %q", place, digestOf(auth), tags)
	if r.mirror.Source != nil && r.mirror.key == key {
		return nil
	}
	dir := filepath.Join(r.Git.Storage, "mirror-"+hex.EncodeToString(place[:8]))
	mirror, err := git.OpenAt(dir, p.obj.Spec.URL, ref, tags, auth, r.Git.Limits)
	if err != nil {
		return gitError(p.obj, err)
	}
	// What was changed is tried at once, whatever the answer was before.
	r.wanted.Store(true)
	r.mirror = openMirror{Source: mirror, key: key, before: new(model.Loader)}
	r.Link.Follow(mirror.SameLine)
	return nil
}

// checkURL refuses what would put a password into logs, or onto the wire.
func (r *remote) checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return loop.Stalled(meta.InvalidURLReason, "spec.url is not a URL with a host")
	}
	if _, password := u.User.Password(); password || u.User != nil && u.Scheme != "ssh" {
		return loop.Stalled(meta.InvalidURLReason, "spec.url holds credentials; put them into the secret of spec.secretRef")
	}
	if u.Scheme == "http" && !r.Git.AllowHTTP && !loopback(u.Hostname()) {
		return loop.Stalled(meta.InsecureConnectionsDisallowedReason,
			"spec.url is http:// to %q; use https://, or start the controller with --allow-insecure-http", u.Hostname())
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// gitError says what to do about a failure of the mirror.
func gitError(obj *v1alpha1.FleetSync, err error) error {
	for _, act := range []error{
		source.ErrRefGone, source.ErrEmptyRepository, source.ErrUnauthorized,
		source.ErrHostKey, source.ErrCertificate, source.ErrRedirected, tree.ErrTooLarge,
	} {
		if errors.Is(err, act) {
			return loop.Stalled(v1alpha1.GitOperationFailedReason, "%s, ref %q: %w", obj.Spec.URL, refOf(obj), err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return loop.Waiting(v1alpha1.GitOperationFailedReason, "%s does not answer within %s", obj.Spec.URL, timeoutOf(obj))
	}
	return loop.Waiting(v1alpha1.GitOperationFailedReason, "%s: %w", obj.Spec.URL, say.Steady(err))
}

func refOf(obj *v1alpha1.FleetSync) string {
	if obj.Spec.Ref == "" {
		return "main"
	}
	return obj.Spec.Ref
}

func timeoutOf(obj *v1alpha1.FleetSync) time.Duration {
	if t := obj.Spec.Timeout; t != nil && t.Duration > 0 {
		return t.Duration
	}
	return defaultTimeout
}

func intervalOf(obj *v1alpha1.FleetSync) time.Duration {
	if obj.Spec.Interval.Duration > 0 {
		return obj.Spec.Interval.Duration
	}
	return defaultInterval
}

// revisionOf is ref@sha1:hash (sha256 for a repository of that format).
func revisionOf(obj *v1alpha1.FleetSync, hash string) string {
	format := "sha1"
	if len(hash) == 64 {
		format = "sha256"
	}
	return strings.TrimPrefix(refOf(obj), "refs/heads/") + "@" + format + ":" + hash
}

// hashOf is the hash of a revision; "" when text is none.
func hashOf(text string) string {
	_, hash, ok := strings.Cut(text, ":")
	if !ok || !hexid.IsCommit(hash) {
		return ""
	}
	return hash
}
