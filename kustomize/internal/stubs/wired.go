package stubs

import (
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/wire"
)

// Wired are the stubs read so far that say deliverAs. read gives a stub's file again,
// for the lines.
func (l *Ledger) Wired(read func(path string) ([]byte, error)) ([]wire.Stub, error) {
	var stubs []wire.Stub
	for _, digest := range l.order {
		stub := l.stubs[digest]
		m := stub.Manifest
		if len(m.Spec.DeliverAs) == 0 {
			continue
		}
		data, err := read(stub.Path)
		if err != nil {
			return nil, err
		}
		wired := wire.Stub{
			File: stub.Path, Digest: digest, Keys: stub.Keys(),
			Name: m.Metadata.Name, Namespace: m.Metadata.Namespace,
		}
		for i, d := range m.Spec.DeliverAs {
			line := api.StubLine(data, fmt.Sprintf("spec.deliverAs[%d]", i))
			wired.Deliveries = append(wired.Deliveries, wire.Delivery{DeliverAs: d, Line: line})
		}
		stubs = append(stubs, wired)
	}
	return stubs, nil
}
