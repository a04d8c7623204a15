package fleet

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// PlacementWindow is a time, again and again, at which changes may arrive.
type PlacementWindow struct {
	// Schedule is when the window opens: five fields of cron, minute, hour, day of the
	// month, month, day of the week.
	Schedule string `json:"schedule"`
	// Duration is how long it stays open, from a minute to 31 days.
	Duration Duration `json:"duration"`
	// TimeZone is an IANA name, as Europe/Berlin. Default UTC.
	TimeZone string `json:"timeZone,omitempty"`
}

const (
	leastWindow = time.Minute
	mostWindow  = 31 * 24 * time.Hour
	maxWindows  = 32
	maxSchedule = 256 // bytes
)

// five fields alone: @every counts from whenever somebody starts to count, and two who
// read it would see two windows.
var cronFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// parse reads the schedule and its zone.
func (w PlacementWindow) parse() (cron.Schedule, *time.Location, error) {
	zone, err := w.zone()
	if err != nil {
		return nil, nil, err
	}
	if strings.ContainsAny(w.Schedule, "=@") || len(w.Schedule) > maxSchedule { // a zone or a word in the line
		return nil, nil, errors.New("it is more than five fields, or a word; a zone belongs into timeZone")
	}
	schedule, err := cronFields.Parse(w.Schedule)
	return schedule, zone, err
}

var errZone = errors.New("no such time zone")

// zone refuses Local: it is another one on each machine.
func (w PlacementWindow) zone() (*time.Location, error) {
	if w.TimeZone == "Local" {
		return nil, errZone
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return nil, errZone
	}
	return zone, nil
}

// next is the first opening after a time; zero for never. An opening in an hour that a
// clock skips does not take place, one in an hour that it repeats takes place once.
func (w PlacementWindow) next(after time.Time) time.Time {
	schedule, zone, err := w.parse()
	if err != nil {
		return time.Time{}
	}
	return schedule.Next(after.In(zone))
}

// OpenAt says whether changes may arrive at a time: always, without windows, or while
// one is open. If not, next is when the first one opens.
func (s PlacementSpec) OpenAt(now time.Time) (open bool, next time.Time) {
	for _, w := range s.Windows {
		opens := w.next(now.Add(-w.Duration.Duration))
		switch {
		case opens.IsZero():
			continue
		case !opens.After(now):
			return true, time.Time{}
		case next.IsZero() || opens.Before(next):
			next = opens
		}
	}
	return len(s.Windows) == 0, next
}

func (s PlacementSpec) validateWindows(p *problems) {
	if len(s.Windows) > maxWindows {
		p.add("spec.windows", "has %d windows, at most %d", len(s.Windows), maxWindows)
		return
	}
	for i, w := range s.Windows {
		w.validate(p, fmt.Sprintf("spec.windows[%d]", i))
	}
}

func (w PlacementWindow) validate(p *problems, field string) {
	_, _, err := w.parse()
	switch {
	case errors.Is(err, errZone):
		p.add(field+".timeZone", "%q is no time zone; write for example Europe/Berlin", clip(w.TimeZone))
	case err != nil:
		p.add(field+".schedule", "%q is no cron line: %s; write five fields, for example 0 2 * * 1-5",
			clip(w.Schedule), clip(err.Error()))
	// From a fixed time, so that a file that was valid stays valid. A leap day comes
	// within the years that the library looks ahead.
	case w.next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero():
		p.add(field+".schedule", "%q never comes, so that the window never opens", clip(w.Schedule))
	}
	if w.Duration.Duration < leastWindow || w.Duration.Duration > mostWindow {
		p.add(field+".duration", "must be between 1m and %dh", int(mostWindow.Hours()))
	}
}
