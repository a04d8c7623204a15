package console

// Patterns are those of all routes.
func Patterns() (all []string) {
	for _, r := range routes {
		all = append(all, r.pattern)
	}
	return all
}

// LookAt looks at pages as people do.
var LookAt = lookAt
