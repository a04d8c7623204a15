// Package heads follows the configured branch: the accepted head, how fresh it is, since
// when its tip is refused, what replicas share of that, and what the head places where.
//
// Authority is always the head accepted last. Which head that is, package follow says;
// this is the memory, and the patience, of the one who asks it.
package heads
