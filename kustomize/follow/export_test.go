package follow

// Steps are the rule in words, in its order.
func Steps() []string {
	var all []string
	for _, step := range steps {
		all = append(all, step.what)
	}
	return all
}
