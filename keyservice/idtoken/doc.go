// Package idtoken says which tokens of an OpenID provider count, and for whom they
// speak. The key service holds people to it, and the command line what it was given: one
// rule at both ends.
//
// A token counts when it is an ID token (OpenID Connect Core 1.0, section 3.1.3.7) of the
// one issuer, for the one client, signed by a key that the issuer shows now, and neither
// too old nor too young. All else of it is hearsay: an address that the issuer did not
// verify is left out.
package idtoken
