package pages

import "time"

// Frame is what stands around every page. Each part may be missing: a page that says why
// the clone cannot be read has a frame too.
type Frame struct {
	// Navigation has the sections that are served.
	Navigation []Link
	// Fleet is its name, FleetID its id.
	Fleet, FleetID string
	// Commit is the one that the page was made from, of Committed.
	Commit    string
	Committed time.Time
	// RootKey is the fingerprint that people compare, with "sha256:" before it.
	RootKey string
	// Unverified says why the fleet does not verify under a root key that is pinned.
	Unverified string
	// SignsOut says that the person can sign out.
	SignsOut bool
}

// Link is one entry of the navigation.
type Link struct{ Section, Path, Label string }
