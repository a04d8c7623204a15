package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	if _, err := Build(t.Context(), Options{Timeout: -1}, nil, "."); !errors.As(err, &failed) || !failed.Temporary ||
		!strings.HasSuffix(failed.Problem, "; hint: split it into several placements") {
		t.Errorf("past its deadline before it began: %v", err)
	}
}

// TestABuildOfTooManyObjectsIsRefused: what a placement brings is held in memory by the
// key service too, of as many placements as somebody writes.
func TestABuildOfTooManyObjectsIsRefused(t *testing.T) {
	const most = 20
	o := Options{Timeout: time.Minute, Memory: 512 << 20, Output: 1 << 20, Objects: most}
	for _, made := range []int{most, most + 1} {
		var text strings.Builder
		for n := range made {
			fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n", n)
		}
		files := listed{"many/kustomization.yaml": "resources: [all.yaml]\n", "many/all.yaml": text.String()}
		result, err := Build(t.Context(), o, files, "many")
		var failed *Failure
		switch {
		case made <= most && (err != nil || len(result.Objects) != made):
			t.Errorf("%d objects: %v", made, err)
		case made > most && (!errors.As(err, &failed) || failed.Temporary ||
			!strings.Contains(failed.Problem, "more than 20 objects") || !strings.Contains(failed.Problem, "hint: ")):
			t.Errorf("%d objects: %v", made, err)
		}
	}
}
