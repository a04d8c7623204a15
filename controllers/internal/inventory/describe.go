package inventory

// Describe names an object for people: Kind namespace/name.
func Describe(id ID) string {
	if id.Namespace == "" {
		return id.Kind + " " + id.Name
	}
	return id.Kind + " " + id.Namespace + "/" + id.Name
}
