package console

import "net/http"

// nowhere is the page of an address that has none.
func (c *Console) nowhere(_ http.ResponseWriter, _ *http.Request) error {
	return notFound("choose a page from the menu, or find the secret or cluster by its name", "there is no such page")
}
