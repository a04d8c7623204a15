package worker

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestABuildThatIsGivenUpAsItBeginsIsNoFailure: the moment between asking for a
// process and having it is short, and on a busy machine it is met. Who gave the build
// up says why, and a deadline is the input's fault as it is later.
func TestABuildThatIsGivenUpAsItBeginsIsNoFailure(t *testing.T) {
	crowded := errors.New("crowded")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(crowded)
	if _, err := Build(ctx, Options{Timeout: time.Minute}, nil, "."); !errors.Is(err, crowded) {
		t.Errorf("given up before it began: %v", err)
	}
	var failed *Failure
	if _, err := Build(t.Context(), Options{Timeout: -1}, nil, "."); !errors.As(err, &failed) || !failed.Temporary {
		t.Errorf("past its deadline before it began: %v", err)
	}
}
