package protocol

// LedgerName is how the ledger calls a sealed object: by its kind too (Kind/NAME),
// if it is no Secret.
func LedgerName(group, kind, name string) string {
	if group == "" && kind == "Secret" {
		return name
	}
	return kind + "/" + name
}
