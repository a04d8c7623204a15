package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

const (
	// reportEvery is how often a cluster says that it is alive when there is
	// nothing else to say.
	reportEvery = 10 * time.Minute
	// reportPause lets the Deliveries of one commit share a report.
	reportPause = 2 * time.Second
	// reportRetry doubles up to reportLongest, or up to reportEvery where the service
	// answers and refuses: another head ends that sooner.
	reportRetry   = 5 * time.Second
	reportLongest = time.Minute
	// reportSize bounds the secrets of one request in bytes; the service takes 256
	// KiB, in JSON too.
	reportSize = 96 << 10
	// reportTimeout bounds one request.
	reportTimeout = 30 * time.Second
)

// Reports is what a key service that keeps a ledger can do beside [unseal.KeyService];
// *keyservice/client.Client can.
type Reports interface {
	// Report says what became of secrets here. wanted asks for everything.
	Report(ctx context.Context, in *keyservicev1.ReportRequest) (wanted bool, err error)
}

// Reporter tells the key service's ledger what became of secrets on this
// cluster: changes soon, in batches; that the cluster is alive at an interval;
// everything after a start, and when the service asks for it. It tries for ever,
// with back-off, and nothing waits for it.
type Reporter struct {
	// Client reads Deliveries from a cache, and Secrets from the API server.
	Client client.Client
	// Namespace is the controller's.
	Namespace string
	// Reader is the API server itself: it knows who suspended what. Nil for nobody.
	Reader    client.Reader
	Snapshots *view.Snapshots
	Link      *unseal.Link
	Metrics   *metrics.Metrics
	Times     Times
	// Version is the build of the controller, for people who ask the ledger.
	Version string

	Book *reportBook
	news news
	has  ledgerHas
	// saved is what the Secret holds.
	saved string
}

// Times are those of tests; 0 for the product's.
type Times struct {
	// Every is between two reports with nothing else to say, Pause lets news come
	// along, Retry is the first after a failure.
	Every, Pause, Retry time.Duration
}

// news wakes a Reporter.
type news struct {
	woken chan struct{}
	// moved says that another head is in force, answered that the key service
	// answered somebody.
	moved, answered chan struct{}
}

// ledgerHas is what the ledger was told.
type ledgerHas struct {
	state *keyservicev1.ClusterState
	head  string
	// spoke is when it was told anything.
	spoke time.Time
	// wanting says that it wants everything.
	wanting bool
}

// Init readies a Reporter for use; Start runs it.
func (r *Reporter) Init() *Reporter {
	for value, product := range map[*time.Duration]time.Duration{
		&r.Times.Every: reportEvery, &r.Times.Pause: reportPause, &r.Times.Retry: reportRetry,
	} {
		if *value == 0 {
			*value = product
		}
	}
	r.news = news{woken: make(chan struct{}, 1), moved: make(chan struct{}, 1), answered: make(chan struct{}, 1)}
	r.has.wanting = true
	r.Link.OnAnswer(func() { nudge(r.news.answered) })
	r.Book = newReportBook(func() { nudge(r.news.woken) })
	r.Snapshots.OnStore(func(previous, next *view.Snapshot) {
		if next != nil && (previous == nil || previous.Head != next.Head) {
			nudge(r.news.moved)
			nudge(r.news.woken) // the ledger says at which head a cluster is
		}
	})
	return r
}

// nudge leaves one message, if there is none.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Start reports until ctx ends. It is a manager's Runnable, of the leader only.
func (r *Reporter) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithName("report")
	if err := r.recall(ctx); err != nil {
		log.Error(say.Steady(err), "what was not reported before the restart is lost")
	}
	wait, failures, refused := pace.Jittered(r.Times.Pause), 0, false
	for {
		moved, going := r.sleep(ctx, wait, failures > 0, refused)
		if !going {
			return nil
		}
		if moved {
			failures = 0
		}
		said, err := r.report(ctx)
		refused = isRefusal(err)
		switch {
		case err == nil && said:
			failures, wait = 0, pace.Jittered(r.Times.Every)
			r.Metrics.Report("ok")
		case err == nil: // not ready to say anything
			wait = pace.Jittered(r.Times.Retry)
		default:
			wait = r.pause(failures, refused)
			if failures++; failures == 1 {
				log.Error(say.Steady(err), "report to key service")
			}
			r.Metrics.Report("failed")
		}
		if err := r.save(ctx, failures > 0); err != nil {
			log.Error(say.Steady(err), "keep what is not reported yet")
		}
	}
}

// pause is between two tries.
func (r *Reporter) pause(failures int, refused bool) time.Duration {
	longest := r.Times.Every
	if !refused {
		longest = min(longest, reportLongest)
		select {
		case <-r.news.answered: // before it failed
		default:
		}
	}
	return pace.Jittered(min(longest, r.Times.Retry<<min(failures, 10)))
}

// isRefusal: the service answered, and by what the head says takes no report. A
// cluster asks so before its file is merged, for hours if the review takes them.
func isRefusal(err error) bool {
	var denied *keyservice.DeniedError
	return errors.As(err, &denied)
}

// sleep waits; news make it shorter, but for a little that lets more of them
// come along. After a failure they do not, but an answer to somebody else does:
// the outage is over. After a refusal another head does, and moved says so: what
// was refused may be taken there.
func (r *Reporter) sleep(ctx context.Context, wait time.Duration, failing, refused bool) (moved, going bool) {
	news, heads, answers := r.news.woken, r.news.moved, r.news.answered
	if failing {
		news = nil
	}
	if !refused {
		heads = nil
	}
	if !failing || refused {
		answers = nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return moved, false
		case <-timer.C:
			return moved, true
		case <-heads:
			moved, heads = true, nil
			timer.Reset(min(wait, pace.Jittered(r.Times.Pause)))
		case <-answers:
			answers = nil
			timer.Reset(min(wait, pace.Jittered(r.Times.Pause)))
		case <-news:
			news = nil
			timer.Reset(min(wait, pace.Jittered(r.Times.Pause)))
		}
	}
}

// report says what there is to say once, or that the cluster is alive. It says
// nothing before there is a snapshot and a connection.
func (r *Reporter) report(ctx context.Context) (said bool, err error) {
	service, ok := r.Link.Current().(Reports)
	snapshot := r.Snapshots.Load()
	if !ok || snapshot == nil {
		return false, nil
	}
	state, err := r.state(ctx, snapshot)
	if err != nil {
		return false, err
	}
	if r.has.wanting {
		if ready, err := r.everybodyKnown(ctx); err != nil || !ready {
			return false, err
		}
		return true, r.sayAll(ctx, service, snapshot.Head, state)
	}
	return true, r.sayNews(ctx, service, snapshot.Head, state)
}

// everybodyKnown: a complete report says that there is nothing else, so every
// Delivery must have said what it has.
func (r *Reporter) everybodyKnown(ctx context.Context) (bool, error) {
	list := &v1alpha1.DeliveryList{}
	if err := r.Client.List(ctx, list, client.InNamespace(r.Namespace)); err != nil {
		return false, fmt.Errorf("list deliveries: %w", err)
	}
	for _, d := range list.Items {
		if !r.Book.knows(d.Name) {
			return false, nil
		}
	}
	return true, nil
}

func (r *Reporter) sayAll(ctx context.Context, service Reports, head string, state *keyservicev1.ClusterState) error {
	r.Book.forgetLedger()
	var all []*keyservicev1.SecretReport
	for _, secret := range r.Book.all() {
		all = append(all, secret)
	}
	parts := batches(Sorted(all))
	for n, part := range parts {
		in := &keyservicev1.ReportRequest{Head: head, Secrets: part, Complete: true, Part: uint32(n), More: n < len(parts)-1}
		if !in.More {
			in.State = state
		}
		if _, err := r.say(ctx, service, in); err != nil {
			return err
		}
	}
	r.has.wanting, r.has.state = false, state
	return nil
}

func (r *Reporter) sayNews(ctx context.Context, service Reports, head string, state *keyservicev1.ClusterState) error {
	news := r.Book.news()
	if len(news) == 0 && proto.Equal(state, r.has.state) && head == r.has.head && time.Since(r.has.spoke) < r.Times.Every/2 {
		return nil // a pass that changed nothing is no reason to speak
	}
	for n, part := range batches(news) {
		in := &keyservicev1.ReportRequest{Head: head, Secrets: part}
		if n == 0 && !proto.Equal(state, r.has.state) {
			in.State = state
		}
		wanted, err := r.say(ctx, service, in)
		if err != nil {
			return err
		}
		if wanted {
			r.has.wanting = true
			r.Book.Wake()
			return nil
		}
		if in.State != nil {
			r.has.state = state
		}
	}
	return nil
}

func (r *Reporter) say(ctx context.Context, service Reports, in *keyservicev1.ReportRequest) (wanted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if wanted, err = service.Report(ctx, in); err != nil {
		return false, err
	}
	r.Book.took(in.GetSecrets())
	r.has.spoke, r.has.head = time.Now(), in.GetHead()
	return wanted, nil
}

// batches cuts a report to what requests take; there is at least one, which may
// be empty.
func batches(secrets []*keyservicev1.SecretReport) [][]*keyservicev1.SecretReport {
	parts, size := [][]*keyservicev1.SecretReport{nil}, 0
	for _, secret := range secrets {
		last := &parts[len(parts)-1]
		each := proto.Size(secret)
		if len(*last) > 0 && (size+each > reportSize || len(*last) == protocol.MaxSecrets) {
			parts, size = append(parts, nil), 0
			last = &parts[len(parts)-1]
		}
		*last, size = append(*last, secret), size+each
	}
	return parts
}

var errUnreported = errors.New("the secret does not hold what the controller writes there")

// Left is safe to call on a nil Reporter.
func (r *Reporter) Left(delivery string) {
	if r != nil {
		r.Book.left(delivery)
	}
}
