package stub_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

const stubText = `# ours
apiVersion: bulla.dev/v1alpha1
kind: SealedManifest
metadata: {name: db, namespace: shop}
spec:
  template: {apiVersion: v1, kind: Secret}
  blocks:
  - fields: [/data/a]
    payload: |
      -----BEGIN AGE ENCRYPTED FILE-----
      YQ==
      -----END AGE ENCRYPTED FILE-----
    locks:
    # the shops
    - {target: set/shops, key: old, ciphertext: YQ==}
    - target: cluster/eu   # by its own key
      key: old
      ciphertext: YQ==
  - fields: [/data/b]
    locks: [{target: set/shops, key: old, ciphertext: YQ==}]
    payload: |
      -----BEGIN AGE ENCRYPTED FILE-----
      Yg==
      -----END AGE ENCRYPTED FILE-----
`

func lock(target, key string) api.Lock {
	return api.Lock{Target: target, Key: key, Ciphertext: "Yg=="}
}

func TestNewLocksLeaveEveryOtherLineAlone(t *testing.T) {
	old := api.Lock{Target: "set/shops", Key: "old", Ciphertext: "YQ=="}
	eu := api.Lock{Target: "cluster/eu", Key: "old", Ciphertext: "YQ=="}
	for name, c := range map[string]struct {
		locks map[int][]api.Lock
		gone  []string
		added []string
	}{
		"nothing": {map[int][]api.Lock{0: {old, eu}}, nil, nil},
		"one of two": {map[int][]api.Lock{0: {lock("set/shops", "new"), eu}},
			[]string{"    - {target: set/shops, key: old, ciphertext: YQ==}"},
			[]string{"    - target: set/shops", "      key: new", "      ciphertext: Yg=="}},
		"one more": {map[int][]api.Lock{0: {old, eu, lock("cluster/us", "old")}}, nil,
			[]string{"    - target: cluster/us", "      key: old", "      ciphertext: Yg=="}},
		"one less": {map[int][]api.Lock{0: {old}},
			[]string{"    - target: cluster/eu   # by its own key", "      key: old", "      ciphertext: YQ=="}, nil},
		"in flow style": {map[int][]api.Lock{1: {lock("set/shops", "new")}},
			[]string{"    locks: [{target: set/shops, key: old, ciphertext: YQ==}]"},
			[]string{"    locks: [{target: set/shops, key: new, ciphertext: Yg==}]"}},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := api.ParseSealedManifest("stub.yaml", []byte(stubText))
			if err != nil {
				t.Fatal(err)
			}
			data, err := stub.SetLocks("stub.yaml", []byte(stubText), parsed, c.locks)
			if err != nil {
				t.Fatal(err)
			}
			gone, added := lines(stubText, string(data)), lines(string(data), stubText)
			if diff := cmp.Diff(c.gone, gone); diff != "" {
				t.Errorf("gone (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.added, added); diff != "" {
				t.Errorf("added (-want +got):\n%s", diff)
			}
			now, err := api.ParseSealedManifest("stub.yaml", data)
			if err != nil {
				t.Fatal(err)
			}
			for i, locks := range c.locks {
				if diff := cmp.Diff(locks, now.Spec.Blocks[i].Locks); diff != "" {
					t.Errorf("block %d: %s", i, diff)
				}
			}
		})
	}
}

// lines are those of a that are not in b, as often as they are more.
func lines(a, b string) []string {
	count := map[string]int{}
	for line := range strings.SplitSeq(b, "\n") {
		count[line]++
	}
	var more []string
	for line := range strings.SplitSeq(a, "\n") {
		if count[line]--; count[line] < 0 {
			more = append(more, line)
		}
	}
	return more
}
