package shell

import (
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// FleetID is the id of the fleet that a command is about: the flag's, or that
// of the repository around; empty when there is neither.
func (a *Shell) FleetID(flag string) (string, error) {
	if flag != "" {
		if !hexid.IsFleet(flag) {
			return "", fault.NewUsage("it stands in fleet.yaml under spec.id",
				"--fleet-id is not 32 lower-case hexadecimal digits")
		}
		return flag, nil
	}
	repo, err := a.Open()
	if err != nil {
		return "", nil //nolint:nilerr // the caller says what that means
	}
	return repo.Model.Fleet.Spec.ID, nil
}

// Admin returns a client of the key service of the fleet that the command is
// about, in the user's name.
func (a *Shell) Admin(fleetFlag string) (*client.Admin, error) {
	fleet, err := a.FleetID(fleetFlag)
	if err != nil {
		return nil, err
	}
	return login.Load(fleet)
}

// Store is the key service's store of a fleet's stubs, in the name of who is logged in.
// Close it.
func (a *Shell) Store(fleet string) *stored.Store {
	return stored.New(fleet, func() (stored.Service, error) {
		admin, err := a.Admin(fleet)
		if err != nil {
			return nil, err // else there would be a Service that is nil
		}
		return admin, nil
	}, a.Progress())
}
