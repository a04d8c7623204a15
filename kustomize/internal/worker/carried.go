package worker

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/utils"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// carried is a value that a build takes from one place of an object to the labels
// or annotations of one: by copy or move of a JSON patch, or by a replacement.
// What it is, is known once the file that has it was read.
type carried struct {
	// file is what carries, text the document in which its words stand.
	file string
	text []byte
	// what says which one it is, to is the path into which the value goes.
	what string
	to   []string
	// from is the path of the value, of select alone it may be taken.
	from   []string
	kind   string
	name   string
	regexp bool
}

// goesToTexts: whole maps of text, one entry of them, or what holds them.
func (c *carried) goesToTexts() bool {
	return len(c.to) > 0 && len(c.to) <= 3 && c.to[0] == "metadata" && (len(c.to) == 1 || isTextMap(c.to[1]))
}

// replaced notes what replacements carry to labels and annotations.
func (t *texts) replaced(file string, text []byte, replacements []types.Replacement) {
	for _, r := range replacements {
		if r.Source == nil || r.Source.Options != nil && r.Source.Options.Delimiter != "" {
			continue // a text of the kustomization's own, or a part of one
		}
		path := r.Source.FieldPath
		if path == "" {
			path = types.DefaultReplacementFieldPath
		}
		for _, target := range r.Targets {
			for _, to := range target.FieldPaths {
				t.carry(&carried{
					file: file, text: text, what: "replacement of " + to + ": ", to: utils.SmarterPathSplitter(to, "."),
					from: utils.SmarterPathSplitter(path, "."), kind: r.Source.Kind, name: r.Source.Name,
				})
			}
		}
	}
}

func (t *texts) carry(c *carried) {
	const most = 1000
	if c.goesToTexts() && len(t.carried) < most {
		t.carried = append(t.carried, c)
	}
}

// replacementsOf are those in a file of their own, one or a list of them.
func replacementsOf(data []byte) []types.Replacement {
	var list []types.Replacement
	if sigsyaml.Unmarshal(data, &list) == nil {
		return list
	}
	var one types.Replacement
	if sigsyaml.Unmarshal(data, &one) != nil {
		return nil
	}
	return []types.Replacement{one}
}

// arrive looks at each value that is carried, where a file has it. One that a
// generator or another patch makes is not seen: a generator makes text. Numbers
// are written as text, or seen where the build comes out.
func (t *texts) arrive() {
	for _, c := range t.carried {
		for _, document := range t.documents {
			value := c.find(document)
			if value == nil {
				continue
			}
			w := &textWalk{file: c.file, around: c.text, id: c.what,
				hint: "; hint: write the value where it belongs, or carry one that is text"}
			switch len(c.to) {
			case 1:
				w.metadata(value)
			case 2:
				w.texts("metadata."+c.to[1], value, loosely)
			default:
				w.text("metadata."+c.to[1], c.to[2], value, loosely)
			}
			t.keep(w.found)
		}
	}
}

// find is the value in a document, nil where it has none or is another's. An alias
// stands for what it names.
func (c *carried) find(document *yaml.Node) *yaml.Node {
	if !c.selects(textOf(valueOf(document, "kind")), c.kind) ||
		!c.selects(textOf(valueOf(valueOf(document, "metadata"), "name")), c.name) {
		return nil
	}
	value, err := kyaml.NewRNode(document).Pipe(kyaml.Lookup(c.from...))
	if err != nil || value == nil {
		return nil
	}
	return value.YNode()
}

// selects: a patch is for what matches, a replacement takes from what is called so.
func (c *carried) selects(is, want string) bool {
	if want == "" || is == want {
		return true
	}
	matches := false
	if c.regexp {
		if re, err := regexp.Compile("^(?:" + want + ")$"); err == nil {
			matches = re.MatchString(is)
		}
	}
	return matches
}

// pointed is a JSON pointer as a path.
func pointed(pointer string) []string {
	var path []string
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		path = append(path, unpoint.Replace(part))
	}
	return path
}
