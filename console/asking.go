package console

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing/reference"
)

const (
	// readWithin bounds what one page asks of the audit log and the store of stubs.
	readWithin = 20 * time.Second
	// buildWithin is how long a page waits for builds before it says how far they are.
	buildWithin = 2 * time.Second
	// perPage is how many rows of a list are shown at a time.
	perPage = 50
)

// troubleOf is an error as a page says it. What is only not allowed, or away for a time, is
// no alarm.
func troubleOf(what string, err error) *notice {
	// What to do stands in its own place, and not behind the error too.
	n := &notice{What: what + ": " + strings.TrimSuffix(fault.Line(err), "; hint: "+fault.Hint(err)), Do: fault.Hint(err)}
	var denied *client.DeniedError
	if errors.As(err, &denied) || errors.Is(err, client.ErrUnavailable) || errors.Is(err, errNotLoggedIn) {
		n.Tone = "warn"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		n.Tone, n.Do = "warn", "it takes longer than a page may; load it again, or ask by command line: `bulla audit`"
	}
	return n
}

var errNotLoggedIn = errors.New("you are not logged in to the key service")

// notAskedError says why nobody is asked in the name of somebody who is signed in.
type notAskedError struct{ error }

func (notAskedError) Is(target error) bool { return target == errNotLoggedIn }

// service is the key service in the name of who asks.
func service(ctx context.Context) (Service, error) {
	p := person(ctx)
	switch {
	case p.Service != nil:
		return p.Service, nil
	case p.NotAsked != nil && p.Owner != "":
		return nil, fault.WithHint(notAskedError{p.NotAsked}, fault.Hint(p.NotAsked))
	case p.NotAsked != nil:
		return nil, fault.WithHint(errors.Join(errNotLoggedIn, p.NotAsked), fault.Hint(p.NotAsked))
	}
	return nil, fault.New("bulla login signs in; then load this page again", "%w", errNotLoggedIn)
}

// log is the fleet's audit log in the name of who asks.
func (c *Console) log(ctx context.Context, fleet *api.Fleet) (*logbook.Log, error) {
	s, err := service(ctx)
	if err != nil {
		return nil, err
	}
	return c.books.Of(s, fleet)
}

// kept takes stubs of references from the store, each once for a page. failed is why the
// first could not be had.
type kept struct {
	ctx    context.Context
	fleet  string
	stubs  map[string]*api.SealedManifest
	failed error
}

func keptFor(ctx context.Context, fleet string) *kept {
	return &kept{ctx: ctx, fleet: fleet, stubs: map[string]*api.SealedManifest{}}
}

func (k *kept) stub(path string, r *api.SealedReference) *api.SealedManifest {
	if stub, ok := k.stubs[r.Spec.Stub.Digest]; ok || k.failed != nil {
		return stub
	}
	stub, err := k.take(r)
	if err != nil {
		k.failed = fault.WithHint(errors.New(path+": "+fault.Line(err)), fault.Hint(err))
	}
	k.stubs[r.Spec.Stub.Digest] = stub
	return stub
}

func (k *kept) take(r *api.SealedReference) (*api.SealedManifest, error) {
	s, err := service(k.ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(k.ctx, readWithin)
	defer cancel()
	data, err := s.GetStub(ctx, r.Spec.Stub.Digest)
	if err != nil {
		return nil, login.Refused(err)
	}
	return reference.Open(k.fleet, r, data)
}

// index waits a little for the builds; building says how far they are where that was not
// enough.
func index(ctx context.Context, s *clone.Snapshot) (i *built.Index, building *clone.Progress, err error) {
	within, cancel := context.WithTimeout(ctx, buildWithin)
	defer cancel()
	i, err = s.Built(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		_, so, ready, err := s.Index()
		if !ready {
			return nil, &so, nil
		}
		return nil, nil, err
	}
	return i, nil, err
}

// sealedObjects are all of a commit.
func (c *Console) sealedObjects(s *clone.Snapshot, i *built.Index) ([]sealed.Secret, []model.Unreadable) {
	stubs, unreadable := c.stubs.Of(s.Commit, s.Tree)
	return sealed.All(stubs, i), unreadable
}

// didYouMean names what is near a name.
func didYouMean(name string, names []string) string {
	return closest.Hint(clip(name), names)
}

// pager is the piece of that name.
type pager struct {
	From, To, All     int
	Of, Before, After string
}

// paged cuts a list to the page that a query asks for.
func paged[T any](all []T, query url.Values, path, of string) ([]T, *pager) {
	at, _ := strconv.Atoi(query.Get("from"))
	at = min(max(0, at), max(0, len(all)-1)) / perPage * perPage
	end := min(at+perPage, len(all))
	if len(all) <= perPage {
		return all, nil
	}
	to := func(from int) string {
		next := url.Values{}
		for k, v := range query {
			next[k] = v
		}
		next.Set("from", strconv.Itoa(from))
		return path + "?" + next.Encode()
	}
	p := &pager{From: at + 1, To: end, All: len(all), Of: of}
	if at > 0 {
		p.Before = to(at - perPage)
	}
	if end < len(all) {
		p.After = to(end)
	}
	return all[at:end], p
}
