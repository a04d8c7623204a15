package unseal

// allowance is what a request was let in for: one operation a digest, once, whatever
// becomes of it. It has, by digest, whether that one is used.
type allowance []bool

// beyond is what an attempt asked of the token beyond it. A digest that the first
// attempt did not come to still has its own.
func (a allowance) beyond(results []opened) (operations int) {
	for i := range results {
		n := results[i].operations
		if n > 0 && !a[i] {
			a[i] = true
			n--
		}
		operations += n
	}
	return operations
}
