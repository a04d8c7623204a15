//go:build race

package worker

// A program with the race detector waits a second at its end, for reports of other
// threads. A build has ended them all by then, and tests build a thousand times.
func init() { environment = append(environment, "GORACE=atexit_sleep_ms=0") }
