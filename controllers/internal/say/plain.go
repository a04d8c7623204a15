package say

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Steady is a network failure without what differs from one try to the next
// (our own port, a resolver's transaction), so that a remote which stays down
// is one status, not a write for every try. Other errors stay as they are.
func Steady(err error) error {
	var operation *net.OpError
	if !errors.As(err, &operation) {
		return err
	}
	where := ""
	if operation.Addr != nil {
		where = " " + operation.Addr.String()
	}
	var lookup *net.DNSError
	if errors.As(operation.Err, &lookup) {
		return fmt.Errorf("look up host %q failed", lookup.Name)
	}
	return fmt.Errorf("%s %s%s: %w", operation.Op, operation.Net, where, operation.Err)
}

// Short keeps a message within what an Event may hold, 1 KiB.
func Short(message string) string {
	const most = 1000
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "…"
}

// List names the first few; a status is no place for a thousand names.
func List(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
