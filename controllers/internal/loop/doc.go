// Package loop is the shape that both loops of the controller have: steps in an
// order, one kind of error that says what is done about it, and one place that
// makes conditions and the time of the next pass of that.
package loop

import "context"

// Step does one thing of a pass. It may rely on what the steps before it found.
// An *[Error] says what became of it; any other error is the API server's, and
// tried again.
type Step func(context.Context) error

// Run takes the steps in their order, until one ends the pass.
func Run(ctx context.Context, steps ...Step) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
