package uicmd

import (
	"os"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/desk/login"
)

// whoever is the person at this machine. Their login is read again when its file
// changes: who logs in meanwhile need not start anew.
type whoever struct {
	fleet string

	mu     sync.Mutex
	person console.Person
	read   time.Time
}

func newPerson(fleet string, p console.Person) *whoever { return &whoever{fleet: fleet, person: p} }

func (w *whoever) is() console.Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	if written := loginWritten(); w.read.IsZero() || !written.Equal(w.read) {
		w.read = written
		w.person.Service = nil
		service, err := login.Load(w.fleet)
		if w.person.NotAsked = err; err == nil {
			w.person.Service = service
		}
	}
	return w.person
}

// loginWritten is when the file of logins was; its zero value is never.
func loginWritten() (at time.Time) {
	store, err := login.Open()
	if err != nil {
		return at
	}
	if info, err := os.Stat(store.Path()); err == nil {
		at = info.ModTime()
	}
	return at
}
