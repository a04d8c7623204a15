// Package authority says who somebody is. It issues the fleet's certificates under
// keys of the token ([Authority]), succeeds itself ([Succeed]), and reads from a
// request which cluster or which person is behind it: never one as the other.
//
// What somebody may is not its business, but for the roles that the service's
// configuration gives to people: a cluster may what the accepted head says.
package authority
