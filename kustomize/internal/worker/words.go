package worker

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// sentence maps one of kustomize's texts to ours.
type sentence struct {
	match *regexp.Regexp
	say   func(d *diagnosis, m []string) *Failure
}

// id is how kustomize writes which object is meant.
const id = `([^\s"/]+)/([^\s"\[]+?)\.\[?([^\s"\]]*)\]?`

var objectDump = regexp.MustCompile(`(?s)\{.*\}|0x[0-9a-f]{6,}|&[a-zA-Z.]+|map\[[^\]]*\]`)

// sentences are tried in order: the innermost cause first.
var sentences = []sentence{
	{regexp.MustCompile(`already registered id: ` + id),
		func(d *diagnosis, m []string) *Failure { return d.twoOf(object(m)) }},
	{regexp.MustCompile(`(?:Name:"([^"]*)".*)?(?:cannot merge or replace|behavior must be merge or replace)`),
		func(d *diagnosis, m []string) *Failure {
			return d.overStub(m[1])
		}},
	{regexp.MustCompile(`cannot merge or replace`), func(d *diagnosis, _ []string) *Failure {
		return d.in("Generator",
			"a generator says behavior: merge or replace, and nothing of that name is there to merge with; "+
				"hint: leave behavior out, or list the file that has it")
	}},
	{regexp.MustCompile(`behavior must be merge or replace`), func(d *diagnosis, _ []string) *Failure {
		return d.in("Generator",
			"a generator makes an object whose name is taken already; hint: give it another name; "+
				"what a stub seals is changed with bulla seal")
	}},
	{regexp.MustCompile(`no (?:resource )?matches (?:for )?(?:strategic merge patch "|Id )` + id),
		func(d *diagnosis, m []string) *Failure { return d.noTarget(object(m)) }},
	{regexp.MustCompile(`multiple matches for Id ` + id), func(d *diagnosis, m []string) *Failure {
		kind, name := object(m)
		return d.in(name,
			fmt.Sprintf("a patch is for %s %s, and there are several; hint: say metadata.namespace in the patch", kind, name))
	}},
	{regexp.MustCompile(`(add|remove|replace|move|copy|test) operation does not apply: doc is missing (?:path|key|from ` +
		`path): "?(/[^\s":]*)`), func(d *diagnosis, m []string) *Failure {
		return d.in(m[2], fmt.Sprintf("a JSON patch says %s %s, and the object has nothing there", m[1], m[2]))
	}},
	{regexp.MustCompile(`(?i)unable to (\w+) nonexistent key: ([^:]+)`), func(d *diagnosis, m []string) *Failure {
		return d.in(m[2],
			fmt.Sprintf("a JSON patch is to %s key %s, and the object has nothing there", strings.ToLower(m[1]), m[2]))
	}},
	{regexp.MustCompile(`(?i)testing value (/\S+) failed|test failed`), func(d *diagnosis, m []string) *Failure {
		return d.in("test", "a JSON patch tests "+m[1]+", and the object has another value there")
	}},
	{regexp.MustCompile(`unable to find patch target|unable to parse SM or JSON patch|unable to parse|illegally ` +
		`qualifies|(?i)json ?patch|invalid operation`), func(d *diagnosis, _ []string) *Failure {
		return d.in("patch",
			"a patch is neither a JSON patch (a list of op, path, value) nor an object with the fields to merge")
	}},
	{regexp.MustCompile(`cycle detected: candidate root '([^']*)' contains visited root '([^']*)'`),
		func(d *diagnosis, m []string) *Failure {
			return &Failure{File: d.last(),
				Problem: cycle(m[1], m[2])}
		}},
	{regexp.MustCompile(`unable to load external plugin '?([\w.-]+)|plugin (\S+) (?:fails|not|with)|unable to load ` +
		`builtin (\S+)`), func(d *diagnosis, m []string) *Failure {
		kind := strings.Join(m[1:], "")
		if kind == "Secret" {
			return d.in("generators",
				"generators, transformers or validators list a stub, which is none; hint: list it under resources")
		}
		return d.in(kind,
			fmt.Sprintf("generators, transformers or validators ask for %s, which is not built into kustomize; "+
				"plugins and functions are not run", kind))
	}},
	{regexp.MustCompile(`nothing selected by (\S+)`), func(d *diagnosis, m []string) *Failure {
		return d.in("replacements", "replacements: no object is selected by the source "+identity(m[1]))
	}},
	{regexp.MustCompile("unable to find (?:or create )?field [\"`]([^\"`]*)|fieldPath [\"`]([^\"`]*)"),
		func(d *diagnosis, m []string) *Failure {
			return d.in("replacements", fmt.Sprintf("replacements: there is no field %q", m[1]+m[2]))
		}},
	{regexp.MustCompile(`options\.index (-?\d+) is out of bounds`), func(d *diagnosis, m []string) *Failure {
		return d.in("replacements", "replacements: the source has no part with index "+m[1])
	}},
	{regexp.MustCompile(`multiple matches for selector (\S+)`), func(d *diagnosis, m []string) *Failure {
		return d.in("replacements", "replacements: several objects are selected by the source "+identity(m[1]))
	}},
	{regexp.MustCompile(`var '([^']*)' |found \d+ resId matches for var (\S+)|unable to disambiguate (?:\S+)`),
		func(d *diagnosis, m []string) *Failure {
			return d.in("vars",
				"vars: "+m[1]+m[2]+" names no object of the build, or more than one; hint: replacements have taken the place of "+
					"vars")
		}},
	{regexp.MustCompile(`expected kind != 'Component' for path '([^']*)'`), func(d *diagnosis, m []string) *Failure {
		return d.lists(m[1], fmt.Sprintf("resources lists folder %s, which is a Component; hint: list it under components",
			strings.TrimPrefix(m[1], "/")))
	}},
	{regexp.MustCompile(`expected kind 'Component' for path '([^']*)'`), func(d *diagnosis, m []string) *Failure {
		return d.lists(m[1], fmt.Sprintf("components lists folder %s, which is no Component; hint: list it under resources",
			strings.TrimPrefix(m[1], "/")))
	}},
	{regexp.MustCompile(`unable to find one of .* in directory '([^']*)'`), func(_ *diagnosis, m []string) *Failure {
		return &Failure{File: m[1], Problem: "folder has no kustomization.yaml"}
	}},
	{regexp.MustCompile(`invalid literal source|missing (?:key name|file path)|key name or file path|not a valid ` +
		`(?:key|configmap key)|env source|has invalid utf8`), func(d *diagnosis, _ []string) *Failure {
		return d.in("Generator",
			"a generator has a literal, file or env that is not of the form KEY=VALUE or KEY=FILE, or a key that Kubernetes "+
				"does not take")
	}},
	{regexp.MustCompile(`namespace transformation produces ID conflict|ID conflict`),
		func(d *diagnosis, _ []string) *Failure {
			return d.in("namespace", "namespace moves two objects of one kind and name into one namespace")
		}},
	{regexp.MustCompile(`resource with name (\S+) does not match a config`), func(d *diagnosis, m []string) *Failure {
		return d.in("replicas", "replicas: nothing that has replicas is named "+m[1])
	}},
	{regexp.MustCompile(`label name '([^']*)' exists in both`), func(d *diagnosis, m []string) *Failure {
		return d.in("commonLabels", "label "+m[1]+" stands in commonLabels and in labels")
	}},
	{regexp.MustCompile(`expected kind != '' in |configmap must have a name|missing [Rr]esource metadata|Object 'Kind' ` +
		`is missing`), func(d *diagnosis, _ []string) *Failure {
		return &Failure{File: d.last(), Problem: "something that it lists or makes has no kind or no name"}
	}},
	{regexp.MustCompile(`considering field '([^']*)' of object ` + id + `:? *(?:[^:]*: )?wrong node kind`),
		func(d *diagnosis, m []string) *Failure {
			kind, name := object(m[1:])
			return d.noMapping(kind, name, strings.ReplaceAll(m[1], "/", "."))
		}},
	{regexp.MustCompile(`kustomize panicked`), func(d *diagnosis, _ []string) *Failure {
		return &Failure{File: d.last(), Problem: "kustomize panicked"}
	}},
}

// words maps kustomize's text. What is in no sentence is told in its own words,
// without what is Go's: better than nothing.
func (d *diagnosis) words(text string) *Failure {
	for _, s := range sentences {
		if m := s.match.FindStringSubmatch(text); m != nil {
			if failure := s.say(d, m); failure != nil {
				return failure
			}
		}
	}
	last := text[strings.LastIndex(text, "': ")+1:]
	return &Failure{File: d.last(), Problem: "kustomize does not build it: " + short(strings.TrimLeft(last, ": "))}
}

// short takes objects, pointers and places of sealed values out of a text.
func short(text string) string {
	text = objectDump.ReplaceAllString(text, "…")
	text = strings.Join(strings.FieldsFunc(text,
		func(r rune) bool { return r == '\n' || r == '\r' || '\uFDD0' <= r && r <= '\uFDEF' }), " ")
	const longest = 300
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return text
}

// object takes the parts of an id, "Secret.v1.[noGrp]/db.[noNs]".
func object(m []string) (kind, name string) {
	kind, _, _ = strings.Cut(m[1], ".")
	return kind, m[2]
}

func identity(text string) string {
	kind, rest, ok := strings.Cut(text, "/")
	if !ok {
		return text
	}
	kind, _, _ = strings.Cut(kind, ".")
	name, _, _ := strings.Cut(rest, ".[")
	return kind + " " + name
}

// last is the kustomization that was read last, which is the one that kustomize
// was at, more often than not.
func (d *diagnosis) last() string {
	if len(d.kustomizations) == 0 {
		return ""
	}
	return d.kustomizations[len(d.kustomizations)-1]
}

// in blames the kustomization that mentions a word.
func (d *diagnosis) in(word, problem string) *Failure {
	for i := len(d.kustomizations) - 1; i >= 0; i-- {
		file := d.kustomizations[i]
		text := string(d.texts[file])
		if at := strings.Index(text, word); at >= 0 {
			return &Failure{File: file, Line: strings.Count(text[:at], "\n") + 1, Problem: problem}
		}
	}
	return &Failure{File: d.last(), Problem: problem}
}

// lists blames the kustomization that takes a folder in, and not the folder's own.
func (d *diagnosis) lists(folder, problem string) *Failure {
	outer := &diagnosis{texts: d.texts,
		kustomizations: slices.DeleteFunc(slices.Clone(d.kustomizations), func(file string) bool {
			return path.Dir(file) == folder
		})}
	return outer.in(path.Base(folder), problem)
}

// twoOf names the files that make one object twice.
func (d *diagnosis) twoOf(kind, name string) *Failure {
	var files []string
	failure := &Failure{File: d.last()}
	for _, doc := range d.documents {
		if doc.kind == kind && doc.name == name {
			files = append(files, fmt.Sprintf("%s:%d", doc.file, doc.line))
			failure.File, failure.Line = doc.file, doc.line
		}
	}
	if len(files) < 2 {
		failure.File, failure.Line = d.last(), 0
		failure.Problem = fmt.Sprintf("%s %s is made twice: a file or base is listed twice, or a generator takes its name; "+
			"hint: keep one, or give a prefix", kind, name)
		return failure
	}
	failure.Problem = fmt.Sprintf("%d files make %s %s: %s; hint: keep one", len(files), kind, name,
		strings.Join(files, ", "))
	return failure
}

// noMapping is about a field below which kustomize is to write.
func (d *diagnosis) noMapping(kind, name, field string) *Failure {
	failure := &Failure{File: d.last(),
		Problem: fmt.Sprintf("%s %s: %s is no mapping, and the kustomization is to change what is in it", kind, name, field)}
	for _, doc := range d.documents {
		if doc.kind == kind && doc.name == name {
			failure.File, failure.Line = doc.file, doc.line
		}
	}
	return failure
}

// overStub is about a generator that makes a stub's Secret too; nil if it is not.
func (d *diagnosis) overStub(name string) *Failure {
	for _, doc := range d.documents {
		if doc.stub && doc.name == name {
			return d.in("secretGenerator",
				fmt.Sprintf("secretGenerator cannot make or merge into Secret %s, which stub %s seals; "+
					"hint: seal the key into the stub with bulla seal, or give the generator another name", name, doc.file))
		}
	}
	return nil
}

// noTarget is about a patch for something that is not there.
func (d *diagnosis) noTarget(kind, name string) *Failure {
	if kind == "SealedManifest" {
		return d.patch(kind, name,
			"a patch is for SealedManifest "+name+", and nothing is of that kind in a build: stubs are built as what their "+
				"template says, "+
				"a v1 Secret; hint: write apiVersion: v1 and kind: Secret")
	}
	problem := fmt.Sprintf("a patch is for %s %s, which is not in the build", kind, name)
	for _, doc := range d.documents {
		if doc.kind == kind && doc.name == name && doc.namespace != "" {
			problem = fmt.Sprintf("a patch is for %s %s without a namespace, and %s has it in namespace %s; "+
				"hint: write metadata.namespace: %s in the patch",
				kind, name, path.Base(doc.file), doc.namespace, doc.namespace)
		}
	}
	return d.patch(kind, name, problem)
}

// patch blames the file that is a patch for an object.
func (d *diagnosis) patch(kind, name, problem string) *Failure {
	for _, file := range d.fs.order {
		data, err := d.fs.again(file)
		if err != nil || d.listed(file) || !strings.Contains(string(data), kind) || !strings.Contains(string(data), name) {
			continue
		}
		return &Failure{File: file,
			Line: matchLine(data, regexp.MustCompile(`name["']?\s*:\s*["']?`+regexp.QuoteMeta(name)+`\b`)), Problem: problem}
	}
	return d.in(name, problem)
}
