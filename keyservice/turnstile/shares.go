package turnstile

import "sync"

// shares bounds the connections of one address that have shown no certificate, so
// that one that stays silent in hundreds of handshakes does not hold the door.
// Behind a balancer all have one address, so there is no bound unless the
// configuration has one.
type shares struct {
	most int // 0 for no bound

	mu sync.Mutex
	of map[string]int
}

// take counts a connection in, unless its address has its share.
func (s *shares) take(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.of[address] >= s.most {
		return false
	}
	s.of[address]++
	return true
}

// give counts a connection out: it showed a certificate, or left.
func (s *shares) give(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[address]--; s.of[address] <= 0 {
		delete(s.of, address)
	}
}
