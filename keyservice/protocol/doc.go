// Package protocol is what the key service and those who ask it share, beside the
// messages (package keyservicev1): names in certificates, hashes, bounds, the
// forms that pass from hand to hand, and the words of the ledger. Neither end
// imports the other to know them.
package protocol
