package workload

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// Every file of testdata is an object, and what it names beside it: a line each,
// "Kind name [optional] [keys] pointer", behind "# ".
func TestEveryObjectNamesWhatItReads(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files in testdata, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			object := map[string]any{}
			if err := yaml.Unmarshal(data, &object); err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for line := range strings.Lines(string(data)) {
				if text, ok := strings.CutPrefix(line, "# "); ok {
					want = append(want, strings.TrimSpace(text))
				}
			}
			for _, template := range Templates(object) {
				got = append(got, strings.Join(append([]string{"template"}, pointer(template.Path), rolls(template)), " "))
			}
			for _, ref := range Reads(object) {
				got = append(got, describe(ref))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func rolls(t Template) string {
	if t.Rolls {
		return "rolls"
	}
	return "stays"
}

func describe(ref Ref) string {
	name := ref.Name
	if ref.Namespace != "" {
		name = ref.Namespace + "/" + name
	}
	words := []string{ref.Kind, name}
	if ref.Optional {
		words = append(words, "optional")
	}
	if len(ref.Keys) > 0 {
		words = append(words, "["+strings.Join(ref.Keys, ",")+"]")
	}
	return strings.Join(append(words, ref.Path), " ")
}

// FuzzReads: whatever an object holds, asking it neither fails nor changes it.
func FuzzReads(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		text, err := yaml.YAMLToJSON(data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"apiVersion":5,"kind":{},"spec":{"template":{"spec":{"containers":[[],null,{"name":7}]}}}}`)
	if len(files) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, text string) {
		object := map[string]any{}
		if json.Unmarshal([]byte(text), &object) != nil {
			return
		}
		before, _ := json.Marshal(object)
		for _, ref := range Reads(object) {
			if ref.Name == "" || ref.Kind == "" || ref.Path == "" {
				t.Errorf("%+v names nothing", ref)
			}
		}
		if after, _ := json.Marshal(object); string(after) != string(before) {
			t.Error("the object changed")
		}
	})
}
