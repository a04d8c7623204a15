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

// ForgetForge has the next page ask the forge.
func (c *Console) ForgetForge() {
	c.forges.mu.Lock()
	defer c.forges.mu.Unlock()
	c.forges.of = nil
}
