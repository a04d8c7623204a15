// Package turnstile holds what callers may take of the service, and lets them in
// one by one: connections at the [Doorway], requests by [Quota] and [Gate], slots
// of the token by [Turns]. It knows nothing of what is asked for, nor who may.
package turnstile
