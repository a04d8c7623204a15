package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// moves notes that an object was taken over by another placement.
func (m *memory) moves(to string) {
	if m.moved == nil {
		m.moved = map[string]int{}
	}
	m.moved[to]++
}

// farewell says what became of a placement that left. One that was renamed left
// nothing behind that is absent: its objects stand, for another.
func (m *memory) farewell(revision string) string {
	if len(m.moved) == 0 {
		return fmt.Sprintf("everything that is no other placement's is confirmed absent at %s", revision)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m.moved)) {
		parts = append(parts, fmt.Sprintf("%d objects stand for placement %q now", m.moved[name], name))
	}
	return fmt.Sprintf("%s; everything else is confirmed absent at %s", strings.Join(parts, ", "), revision)
}

// sayPruned records what a pass took away, every object by name, in as few events
// as hold them: a recorder that is given one for each object drops most.
func (p *deliveryPass) sayPruned() {
	const room = 1000 // of the 1,024 bytes of an event's message
	text := ""
	for _, name := range p.pruned {
		if text != "" && len(text)+len(name)+2 > room {
			p.event("Pruned", text)
			text = ""
		}
		if text != "" {
			text += ", "
		}
		text += name
	}
	if text != "" {
		p.event("Pruned", text)
	}
	p.pruned = nil
}
