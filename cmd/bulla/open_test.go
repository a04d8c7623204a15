package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/rogpeppe/go-internal/testscript"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// cmdOpens plays key service and cluster: it opens every block of a stub as
// the object NAMESPACE/NAME on a cluster, and wants exactly these values.
//
//	opens STUB NAMESPACE/NAME CLUSTER [KEY=VALUE…]
func cmdOpens(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	tree, err := tree.OpenDir(ts.MkAbs("."))
	ts.Check(err)
	model, err := model.Load(tree)
	ts.Check(err)
	got, err := openStub(w, model, ts.ReadFile(args[0]), args[1], args[2])
	if neg {
		if !errors.Is(err, sealing.ErrOpen) && !errors.Is(err, errNoLock) {
			ts.Fatalf("it must not open, and says: %v", err)
		}
		return
	}
	ts.Check(err)
	if !maps.Equal(got, wanted(ts, args[3:])) {
		ts.Fatalf("it opens, with other values than wanted: fields %v", slices.Sorted(maps.Keys(got)))
	}
}

var errNoLock = errors.New("no lock for this cluster, or none under a key of the fleet")

func openStub(w *world, model *model.Model, text, object, cluster string) (map[string]string, error) {
	manifest, err := api.ParseSealedManifest("stub", []byte(text))
	if err != nil {
		return nil, err
	}
	namespace, name, _ := strings.Cut(object, "/")
	all := map[string]string{}
	for i := range manifest.Spec.Blocks {
		c, err := sealing.ContextOf(w.fleet, manifest, i, namespace, name)
		if err != nil {
			return nil, err
		}
		values, err := openBlock(w, model, c, &manifest.Spec.Blocks[i], cluster)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i, err)
		}
		maps.Copy(all, values)
	}
	return all, nil
}

func openBlock(
	w *world, model *model.Model, c sealing.Context, block *api.Block, cluster string,
) (map[string]string, error) {
	i := slices.IndexFunc(block.Locks, func(l api.Lock) bool {
		set, ok := strings.CutPrefix(l.Target, "set/")
		return l.Target == "cluster/"+cluster || ok && slices.Contains(model.Members(set), cluster)
	})
	if i < 0 {
		return nil, errNoLock
	}
	key, ok := model.Fleet.Spec.Key(block.Locks[i].Key)
	if !ok {
		return nil, errNoLock
	}
	recipient := w.identities[cluster].Recipient().String()
	stanza, err := softkey.Unlock(context.Background(), softkey.NewOpener(w.keys), c, block, block.Locks[i], key.Suite,
		recipient)
	if err != nil {
		return nil, err
	}
	fileKey, err := sealing.OpenStanza(w.identities[cluster], stanza)
	if err != nil {
		return nil, err
	}
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		return nil, err
	}
	return payload.Open(c, fileKey)
}

// cmdRecovers opens every block with the age library and the recovery key
// alone, as the stock age command does:
//
//	recovers STUB [KEY=VALUE…]
func cmdRecovers(ts *testscript.TestScript, neg bool, args []string) {
	manifest, err := api.ParseSealedManifest(args[0], []byte(ts.ReadFile(args[0])))
	ts.Check(err)
	got := map[string]string{}
	for _, block := range manifest.Spec.Blocks {
		r, err := age.Decrypt(armor.NewReader(strings.NewReader(block.Payload)), worldOf(ts).recovery)
		ts.Check(err)
		ts.Check(json.Unmarshal(must(io.ReadAll(r)), &got))
	}
	if !maps.Equal(got, wanted(ts, args[1:])) {
		ts.Fatalf("it recovers, with other values than wanted: fields %v", slices.Sorted(maps.Keys(got)))
	}
}

// cmdBlocks compares the text of two versions of a stub, block by block, and
// what stands around them:
//
//	blocks OLD NEW same|changed|added|removed…
func cmdBlocks(ts *testscript.TestScript, neg bool, args []string) {
	before, after := blockTexts(ts.ReadFile(args[0])), blockTexts(ts.ReadFile(args[1]))
	if before[0] != after[0] {
		ts.Fatalf("the text before the blocks changed")
	}
	var got []string
	for _, block := range after[1:] {
		i := slices.IndexFunc(before, func(b string) bool { return fieldsOf(b) == fieldsOf(block) })
		switch {
		case i < 0:
			got = append(got, "added")
		case before[i] == block:
			got = append(got, "same")
		default:
			got = append(got, "changed")
		}
	}
	for _, block := range before[1:] {
		if !slices.ContainsFunc(after, func(b string) bool { return fieldsOf(b) == fieldsOf(block) }) {
			got = append(got, "removed")
		}
	}
	if !slices.Equal(got, args[2:]) {
		ts.Fatalf("blocks are %v", got)
	}
}

func blockTexts(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n  - fields:")
}

func fieldsOf(block string) string {
	fields, _, _ := strings.Cut(block, "payload:")
	return fields
}
