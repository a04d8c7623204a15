package journal

import (
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// group is what one caller wants written, all or nothing.
type group struct {
	entries []audit.Entry
	changes []store.Change

	done    chan struct{}
	receipt *Receipt
	err     error
}

// enqueue has a group written, or turns it away.
func (j *Journal) enqueue(g *group) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.queued+len(g.entries) > maxQueue {
		return ErrQueue
	}
	j.queue = append(j.queue, g)
	j.queued += len(g.entries)
	if !j.running {
		j.running = true
		go j.run()
	}
	return nil
}

// run writes what waits until nothing does.
func (j *Journal) run() {
	for {
		batch := j.next()
		if batch == nil {
			return
		}
		j.write(batch)
		for _, g := range batch {
			close(g.done)
		}
	}
}

// next takes groups in the order they came, at least one.
func (j *Journal) next() []*group {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, entries := 0, 0
	for n < len(j.queue) && (n == 0 || entries+len(j.queue[n].entries) <= MaxAppend) {
		entries += len(j.queue[n].entries)
		n++
	}
	batch := j.queue[:n:n]
	j.queue = j.queue[n:]
	j.queued -= entries
	if n == 0 {
		j.running, j.queue = false, nil
		return nil
	}
	return batch
}
