package inventory

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/parts"
)

// large is an inventory of sealed Secrets whose names of 253 characters nothing
// compresses.
func large(n int) Inventory {
	inv := Inventory{}
	for range n {
		name := strings.ToLower(rand.Text() + rand.Text() + rand.Text() + rand.Text() + rand.Text() + rand.Text() + rand.Text() + rand.Text() + rand.Text() + rand.Text())[:253]
		id := ID{Kind: "Secret", Namespace: strings.Repeat("n", 63), Name: name}
		digest := func() string {
			sum := make([]byte, 32)
			_, _ = rand.Read(sum)
			return fmt.Sprintf("sha256:%x", sum)
		}
		inv[id] = v1alpha1.InventoryEntry{ID: Format(id), Version: "v1", UID: rand.Text(), Applied: digest(), ResourceVersion: "1234567",
			Stub: digest(), Content: digest(), MAC: digest()}
	}
	return inv
}

func TestTheLargestBuildsInventoryFits(t *testing.T) {
	const objects = 10_000 // kustomize.maxObjects
	inv := large(objects)
	inline, packed, err := inv.Split(MaxInline)
	if err != nil || inline != nil {
		t.Fatalf("%d entries stand in the status, %v", len(inline), err)
	}
	var names []string
	var entries []v1alpha1.InventoryEntry
	for _, part := range packed {
		if len(part.Data) > 900<<10 {
			t.Errorf("a part has %d KiB", len(part.Data)>>10)
		}
		names = append(names, part.Digest)
		unpacked, err := parts.Unpack(part)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, unpacked...)
	}
	if text, _ := json.Marshal(names); len(text) > 4<<10 {
		t.Errorf("the names of the parts take %d bytes of a status", len(text))
	}
	if diff := cmp.Diff(inv, Read(entries)); diff != "" {
		t.Errorf("parts hold another inventory:\n%s", diff)
	}
}

func TestAChangedEntryChangesOnePart(t *testing.T) {
	inv := large(2000)
	_, before, err := inv.Split(MaxInline)
	if err != nil {
		t.Fatal(err)
	}
	for id, entry := range inv {
		entry.ResourceVersion = "2"
		inv[id] = entry
		break
	}
	_, after, err := inv.Split(MaxInline)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, part := range after {
		if !slices.ContainsFunc(before, func(b parts.Part) bool { return b.Digest == part.Digest }) {
			changed++
		}
	}
	if changed != 1 || len(before) < 3 {
		t.Errorf("%d of %d parts changed", changed, len(before))
	}
}

func TestASmallInventoryStaysReadable(t *testing.T) {
	inv := large(100)
	inline, packed, err := inv.Split(MaxInline)
	if err != nil || len(inline) != 100 || packed != nil {
		t.Errorf("%d entries, %d parts, %v", len(inline), len(packed), err)
	}
}

func TestAPartThatSomebodyWroteIsNotRead(t *testing.T) {
	_, packed, err := large(1000).Split(MaxInline)
	if err != nil {
		t.Fatal(err)
	}
	packed[0].Data = packed[1].Data
	if _, err := parts.Unpack(packed[0]); err == nil {
		t.Error("a part that holds another's entries is read")
	}
}
