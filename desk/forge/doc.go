// Package forge opens pull requests and says what became of them, keeps one comment on one,
// and a commit status, at GitHub, GitLab, Gitea or Forgejo, by their own client libraries.
//
// The comment is found again by its hidden first line and by its author, and edited in
// place: whoever writes the same line into a comment of their own has it neither edited
// nor taken for this one. A token comes from the environment, goes to the forge's own
// address and nowhere else, and stands in no error.
package forge
