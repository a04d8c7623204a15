package checkcmd

import (
	"fmt"

	"github.com/bulla-dev/bulla/api/fault"
)

// Standing is how one thing is.
type Standing string

const (
	// OK means that it is as it should be.
	OK Standing = "OK"
	// Warning means that it works, and somebody should look at it.
	Warning Standing = "Warning"
	// Failed means that something does not work, or will not be trusted.
	Failed Standing = "Failed"
	// NotAsked means that nobody could be asked: no login, no context, no right.
	NotAsked Standing = "NotAsked"
)

// Line is one thing that was looked at.
type Line struct {
	// Part is where it is: client, repository, key service, fleet or cluster.
	Part string `json:"part"`
	// What it is, and what was found.
	What string   `json:"what"`
	Is   Standing `json:"standing"`
	Says string   `json:"says,omitempty"`
	// Hint is what to do, where there is something to do.
	Hint string `json:"hint,omitempty"`
}

// report is what was found until now.
type report struct {
	part  string
	lines []Line
	// tell is told each line as it comes.
	tell func(Line)
}

func (r *report) add(what string, is Standing, hint, format string, args ...any) {
	line := Line{Part: r.part, What: what, Is: is, Says: fmt.Sprintf(format, args...), Hint: hint}
	r.lines = append(r.lines, line)
	r.tell(line)
}

func (r *report) ok(what, format string, args ...any) { r.add(what, OK, "", format, args...) }

func (r *report) warn(what, hint, format string, args ...any) {
	r.add(what, Warning, hint, format, args...)
}

func (r *report) failed(what, hint, format string, args ...any) {
	r.add(what, Failed, hint, format, args...)
}

func (r *report) notAsked(what, hint, format string, args ...any) {
	r.add(what, NotAsked, hint, format, args...)
}

// is says an error in its own words, with its hint.
func (r *report) is(standing Standing, what string, err error) {
	r.add(what, standing, fault.Hint(err), "%v", err)
}

// count is how many lines have a standing.
func (r *report) count(is Standing) (n int) {
	for _, line := range r.lines {
		if line.Is == is {
			n++
		}
	}
	return n
}
