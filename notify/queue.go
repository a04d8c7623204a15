package notify

import (
	"slices"
	"sync"
	"time"
)

const (
	// queueSize is how many objects wait for one receiver; more are dropped.
	queueSize = 128
	// quiet is between two notices of one object. What changed back meanwhile is not
	// told: an object that two fight over would fill a chat.
	quiet = time.Minute
	// remembered bounds the objects whose last notice is known.
	remembered = 4096
)

// queue has the newest notice of each object, in the order in which they came.
type queue struct {
	quiet time.Duration
	// key says which notices replace each other, isNews which are none, and silent which
	// are not told: after one of those the same failure is news again.
	key    func(Notice) string
	isNews func(before, now Notice) bool
	silent func(Notice) bool

	mu      sync.Mutex
	waiting map[string]Notice
	order   []string
	told    map[string]told
	wake    chan struct{}
}

// told is the last notice of an object.
type told struct {
	notice Notice
	at     time.Time
}

func newQueue(p Provider) *queue {
	return &queue{
		quiet: quiet, key: p.key, isNews: p.isNews, silent: p.keepsQuiet, waiting: map[string]Notice{},
		told: map[string]told{}, wake: make(chan struct{}, 1),
	}
}

// put takes a notice in. result is what became of another one, or of this: "folded" or
// "dropped"; "" for nothing.
func (q *queue) put(n Notice) (result string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := q.key(n)
	_, waits := q.waiting[key]
	_, known := q.told[key]
	switch {
	case !waits && !known && q.silent(n):
		return ""
	case waits:
		result = "folded"
	case len(q.waiting) == queueSize:
		return "dropped"
	default:
		q.order = append(q.order, key)
	}
	q.waiting[key] = n
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return result
}

// take gives the next notice to send. Without one it says when to ask again, 0 for when
// another comes.
func (q *queue) take(now time.Time) (n Notice, ok bool, again time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := 0; i < len(q.order); i++ {
		key := q.order[i]
		last, known := q.told[key]
		ends := last.notice.Pending && !q.waiting[key].Pending // what was waited for is told at once
		if wait := last.at.Add(q.quiet).Sub(now); known && wait > 0 && !ends {
			if again == 0 || wait < again {
				again = wait
			}
			continue
		}
		n := q.waiting[key]
		delete(q.waiting, key)
		q.order = slices.Delete(q.order, i, i+1)
		i--
		if known && !q.isNews(last.notice, n) {
			continue // it changed back
		}
		if q.silent(n) {
			if known {
				q.told[key] = told{n, last.at}
			}
			continue
		}
		if len(q.told) >= remembered {
			clear(q.told)
		}
		q.told[key] = told{n, now}
		return n, true, 0
	}
	return Notice{}, false, again
}
