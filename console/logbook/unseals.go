package logbook

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/console/pages"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// Unseals are the answers that were given in a time, counted.
type Unseals struct {
	// Step is how long one count is; Begin when the first began.
	Step  time.Duration
	Begin time.Time
	All   []int
	// ByKey counts the locks that were opened under each sealing key.
	ByKey map[string][]int
	Last  map[string]time.Time
}

var errEnough = errors.New("enough was read")

// Spans that are tried: a fleet that unseals too often for the first is counted over a
// shorter one.
var spans = []struct {
	steps int
	step  time.Duration
}{{14, 24 * time.Hour}, {24, time.Hour}, {30, time.Minute}}

// Unseals counts them over two weeks; over a shorter time where that are more than is
// read for a page, and nil where even half an hour has more.
func (l *Log) Unseals(ctx context.Context, now time.Time) (*Unseals, error) {
	for _, span := range spans {
		u := &Unseals{Step: span.step, Begin: now.UTC().Truncate(span.step).Add(-time.Duration(span.steps-1) * span.step),
			All: make([]int, span.steps), ByKey: map[string][]int{}, Last: map[string]time.Time{}}
		filter, read := exposure.Granted, 0
		filter.Since = u.Begin
		err := l.Source().Read(ctx, filter, func(e client.AuditEntry) error {
			if read++; read > mostRead {
				return errEnough
			}
			u.count(e)
			return nil
		})
		if errors.Is(err, errEnough) {
			continue
		}
		return u, err
	}
	return nil, nil
}

func (u *Unseals) count(e client.AuditEntry) {
	// A clock that runs ahead of this one is counted in the last step.
	i := min(int(e.Entry.Time.Sub(u.Begin)/u.Step), len(u.All)-1)
	if i < 0 {
		return
	}
	u.All[i]++
	for _, key := range e.Entry.Keys {
		if u.ByKey[key] == nil {
			u.ByKey[key] = make([]int, len(u.All))
		}
		u.ByKey[key][i]++
		u.Last[key] = e.Entry.Time
	}
}

// Label says when a step began.
func (u *Unseals) Label(i int) string {
	at := u.Begin.Add(time.Duration(i) * u.Step)
	if u.Step >= 24*time.Hour {
		return at.Format("2 January")
	}
	return at.Format("15:04 UTC, 2 January")
}

// Every is a step in a word: "day".
func (u *Unseals) Every() string {
	switch u.Step {
	case 24 * time.Hour:
		return "day"
	case time.Hour:
		return "hour"
	}
	return "minute"
}

// Chart draws counts of these steps.
func (u *Unseals) Chart(title string, counts []int) *pages.Chart {
	chart := &pages.Chart{Title: title, Noun: "unseal"}
	for i, n := range counts {
		chart.Bars = append(chart.Bars, pages.Bar{Label: u.Label(i), Value: n})
	}
	return chart
}
