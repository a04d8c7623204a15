// Package unseal decides what opens, has the token do it, and answers: an Unseal for a
// cluster, and a Rewrap, which moves locks to another key, for an operator.
//
// An Unseal is a question. An attempt at it has grounds (head, index, deny list, each
// read once); on them each digest is decided, by the list of steps and in that order;
// then opened by the token; then written to the log; and then answered. Nothing goes
// back, and each has a type of its own.
package unseal
