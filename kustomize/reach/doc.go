// Package reach says which part of a tree a build can ask for, without building: what
// does not change there changes nothing that is built.
//
// It promises that nothing outside is asked for, and not that all of it is. Kustomizations
// are a stranger's, so only fields are read of which it is known how they name files;
// where one has another, or a text that two readers may read as two, the answer is that
// nobody can tell. A wrong answer would hide from a reviewer what a merge does: whoever
// adds a field here shows that it names no file but by its own text.
package reach
