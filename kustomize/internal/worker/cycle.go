package worker

import "fmt"

// cycle says how a folder is a part of itself. kustomize takes a folder for visited
// when one below it is: an overlay cannot lie in the folder that it builds on.
func cycle(listed, by string) string {
	if listed == by {
		return fmt.Sprintf("there is a cycle: folder %s is built from itself, by the folders that it lists; "+
			"hint: take one of these entries out of resources", listed)
	}
	return fmt.Sprintf("there is a cycle: folder %s lists %s, the folder that it lies in, and kustomize takes no such "+
		"base; hint: move what both share into a folder beside it, such as %s/base", by, listed, listed)
}
