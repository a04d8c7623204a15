package fleet

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// strictParsers are all that read what a stranger wrote.
var strictParsers = map[string]struct {
	kind  string
	field string // takes any value, or a mapping of text
	limit int
	parse func([]byte)
}{
	"fleet": {
		KindFleet,
		"metadata: {name: x}\nspec",
		MaxFileSize,
		func(data []byte) { _, _ = ParseFleet("f", data) },
	},
	"cluster": {
		KindCluster,
		"metadata: {name: x}\nspec",
		MaxFileSize,
		func(data []byte) { _, _ = ParseCluster("f", data) },
	},
	"clusterset": {
		KindClusterSet,
		"metadata: {name: x}\nspec",
		MaxFileSize,
		func(data []byte) { _, _ = ParseClusterSet("f", data) },
	},
	"placement": {
		KindPlacement,
		"metadata: {name: x}\nspec",
		MaxFileSize,
		func(data []byte) { _, _ = ParsePlacement("f", data) },
	},
	"stub": {
		KindSealedManifest,
		"metadata: {name: x}\nspec:\n  template",
		MaxStubSize,
		func(data []byte) { _, _ = ParseSealedManifest("f", data) },
	},
	"labels": {KindClusterSet, "metadata", MaxFileSize, func(data []byte) { _, _ = ParseClusterSet("f", data) }},
	"kind":   {KindSealedManifest, "metadata", MaxStubSize, func(data []byte) { KindOf(data) }},
	"line":   {KindFleet, "spec", MaxFileSize, func(data []byte) { FleetLine(data, "spec.x.y[0].z") }},
}

// shapes write a value of a depth, with so many values at each level, and keys
// and texts of a length, no longer than room.
var shapes = map[string]func(depth, breadth, length, room int) string{
	"flow mappings": func(depth, breadth, length, room int) string {
		return nest(
			"{",
			"}",
			func(i int) string { return fmt.Sprintf("k%d%s: ", i, strings.Repeat("k", length)) },
			"v",
			depth,
			breadth,
			room,
		)
	},
	"JSON": func(depth, breadth, length, room int) string {
		return nest(
			"{",
			"}",
			func(i int) string { return fmt.Sprintf("\"k%d%s\":", i, strings.Repeat("k", length)) },
			"0",
			depth,
			breadth,
			room,
		)
	},
	"flow lists": func(depth, breadth, _, room int) string {
		return nest("[", "]", func(int) string { return "" }, "v", depth, breadth, room)
	},
	"empty keys": func(depth, breadth, _, room int) string {
		return nest("[", "]", func(int) string { return "?" }, "", depth, breadth, room)
	},
	"nulls of long keys": func(depth, breadth, length, room int) string {
		return nest(
			"{",
			"}",
			func(i int) string { return fmt.Sprintf("k%d%s: ", i, strings.Repeat("k", length)) },
			"null",
			depth,
			breadth,
			room,
		)
	},
	"block lists": func(depth, breadth, length, room int) string {
		item := strings.Repeat("- ", depth) + strings.Repeat("v", length)
		return "\n" + strings.Repeat(item+"\n", min(breadth, room/(len(item)+1)))
	},
	"aliases": func(depth, breadth, length, room int) string {
		text := "{a: &a " + strings.Repeat("v", length)
		return text + strings.Repeat(", b: *a", min(depth*breadth, room/8)) + "}"
	},
	"documents": func(depth, breadth, length, room int) string {
		document := "\n---\n" + strings.Repeat("v", length)
		return "x" + strings.Repeat(document, min(depth*breadth, room/len(document)))
	},
	"comments": func(depth, breadth, length, room int) string {
		line := "\n# " + strings.Repeat("c", length)
		return "x" + strings.Repeat(line, min(depth*breadth, room/len(line)))
	},
	"escapes": func(depth, breadth, _, room int) string {
		return `"` + strings.Repeat(`\u0041`, min(depth*breadth, room/6-1)) + `"`
	},
}

// nest fills every level with values, and goes deeper in the last one.
func nest(open, end string, key func(int) string, value string, depth, breadth, room int) string {
	var text, closing strings.Builder
	for level := range depth {
		if text.Len()+closing.Len() > room {
			break
		}
		text.WriteString(open)
		for i := range breadth {
			entry := key(i) + value + ","
			if text.Len()+len(entry)+closing.Len() > room {
				break
			}
			text.WriteString(entry)
		}
		closing.WriteString(end)
		if level < depth-1 {
			text.WriteString(key(breadth))
		}
	}
	text.WriteString(value)
	return text.String() + closing.String()
}

// TestParsingCostsMemoryInProportionToTheFile: two bytes of YAML are a node of two
// hundred, and a path that is kept for each key grows with the square of the depth.
// What is measured is all that is allocated, which is more than is ever held.
func TestParsingCostsMemoryInProportionToTheFile(t *testing.T) {
	const (
		perByte = 10
		atMost  = 32 << 20 // beside it: what the greatest number of values takes
	)
	for name, parser := range strictParsers {
		for shape, write := range shapes {
			dims := [][3]int{{1, 30_000, 1}, {60, 400, 60}}
			if parser.limit == MaxStubSize {
				dims = append(dims, [][3]int{{1, 1 << 21, 1}, {5000, 1, 400}, {60, 1, 60_000}}...)
			}
			size := min(parser.limit, largest)
			for _, dims := range dims {
				head := "apiVersion: bulla.dev/v1alpha1\nkind: " + parser.kind + "\n" + parser.field + ": "
				data := []byte(head + write(dims[0], dims[1], dims[2], size-len(head)-2) + "\n")
				if allocated := allocatedBy(func() { parser.parse(data) }); allocated > perByte*uint64(len(data))+atMost {
					t.Errorf("%s, %s of depth, breadth, length %v: %d bytes cost %d MiB", name, shape, dims, len(data), allocated>>20)
				}
			}
		}
	}
}

func allocatedBy(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// BenchmarkStrictParsing shows what each shape costs a byte.
func BenchmarkStrictParsing(b *testing.B) {
	parser := strictParsers["stub"]
	for shape, write := range shapes {
		for _, dims := range [][3]int{{1, 1 << 21, 1}, {60, 400, 100}, {60, 20, 3000}} {
			head := "apiVersion: bulla.dev/v1alpha1\nkind: SealedManifest\n" + parser.field + ": "
			data := []byte(head + write(dims[0], dims[1], dims[2], MaxStubSize-len(head)-2) + "\n")
			b.Run(
				fmt.Sprintf("%s/depth=%d/breadth=%d/length=%d", strings.ReplaceAll(shape, " ", "-"), dims[0], dims[1], dims[2]),
				func(b *testing.B) {
					b.SetBytes(int64(len(data)))
					var allocated uint64
					for b.Loop() {
						allocated += allocatedBy(func() { parser.parse(data) })
					}
					b.ReportMetric(float64(allocated)/float64(b.N)/float64(len(data)), "B/byte")
					b.ReportMetric(float64(allocated)/float64(b.N)/(1<<20), "MiB/file")
				},
			)
		}
	}
}
