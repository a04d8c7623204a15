package rotatecmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
)

// one makes the values of one stub anew; no keys are all that can be made.
func (r *rotation) one(ctx context.Context, name string, keys []string) error {
	file, data, err := r.repo.Read(name)
	if err != nil {
		return err
	}
	if !api.ClaimsStub(data) {
		return fault.New("name a stub", "%s is not a %s", file, api.KindSealedManifest)
	}
	parsed, err := built.ParseStub(file, data)
	if err != nil {
		return err
	}
	fields := make([]string, 0, len(keys))
	has := parsed.SealedKeys()
	for _, key := range keys {
		if !slices.Contains(has, key) {
			return fault.New(closest.Hint(key, has)+"it seals "+strings.Join(has, ", "), "%s: no block seals /data/%s",
				file, key)
		}
		fields = append(fields, "/data/"+key)
	}
	if len(keys) == 0 {
		for _, key := range has {
			fields = append(fields, "/data/"+key)
		}
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if err := r.replace(ctx, file, fields); err != nil {
		return err
	}
	left := r.report.People
	if len(left) > 0 && (len(keys) > 0 || len(r.files) == 0) {
		key := keyOf(left[0].Fields[0])
		hint := "bulla set " + file + " " + key + " asks for it; or bulla edit says how it is made from now on: " +
			"metadata.annotations, " + api.GenerateAnnotation + ": " + key + "=32,alnum"
		err := fmt.Errorf("%s: %s is not made anew: %s", file, strings.Join(left[0].Fields, ", "), left[0].Why)
		if len(keys) == 0 { // what can be made was made: nothing
			return &fault.Error{Code: fault.Findings, Hint: hint, Err: fmt.Errorf("nothing can be made anew: %w", err)}
		}
		return fault.New(hint, "%w", err)
	}
	if !r.dryRun {
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	return r.tell()
}
