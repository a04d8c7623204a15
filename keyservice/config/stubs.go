package config

import "time"

// Stubs bound the store of stubs that references in Git name.
type Stubs struct {
	// PerPerson is how many bytes of stubs one person may have put. Default 256 MiB.
	PerPerson int64 `yaml:"perPerson"`
	// InAll is how many bytes all stubs may take. Default 4 GiB.
	InAll int64 `yaml:"inAll"`
	// Window is how far back a revert finds its stubs: one stays for as long after the
	// last head that named it. One that no head ever named, since it waits for its merge,
	// stays for six windows. Default 720h, which is 30 days.
	Window Duration `yaml:"window"`
}

// Defaults and bounds of the store of stubs.
const (
	defaultStubsPerPerson = 256 << 20
	defaultStubsInAll     = 4 << 30
	defaultStubWindow     = 30 * 24 * time.Hour
	leastStubWindow       = 24 * time.Hour
)

// WithDefaults fills in what is not said.
func (s Stubs) WithDefaults() Stubs {
	if s.PerPerson == 0 {
		s.PerPerson = defaultStubsPerPerson
	}
	if s.InAll == 0 {
		s.InAll = defaultStubsInAll
	}
	if s.Window == 0 {
		s.Window = Duration(defaultStubWindow)
	}
	return s
}

// check refuses a window in which no pull request is reviewed.
func (s Stubs) check(m *mistakes) {
	const hint = "take it out for the default"
	m.when(s.PerPerson < 0, "stubs.perPerson", "is not a number of bytes", hint)
	m.when(s.InAll < 0, "stubs.inAll", "is not a number of bytes", hint)
	m.when(s.Window != 0 && time.Duration(s.Window) < leastStubWindow, "stubs.window", "is shorter than 24h",
		"a stub would be gone before the reference to it is merged")
}
