package built

import (
	"fmt"
	"slices"
	"strings"
)

// What a field must be, in the words of an error.
const (
	isText    = "text"
	isMapping = "a mapping"
	isList    = "a list"
	isNumber  = "a whole number"
)

// metadataTypes are the fields of every object's metadata but labels and
// annotations.
var metadataTypes = map[string]string{
	"name": isText, "generateName": isText, "namespace": isText, "uid": isText, "resourceVersion": isText,
	"selfLink":          isText,
	"creationTimestamp": isText, "deletionTimestamp": isText,
	"generation": isNumber, "deletionGracePeriodSeconds": isNumber,
	"ownerReferences": isList, "finalizers": isList, "managedFields": isList,
}

// hasType reports whether a decoded value is what is wanted.
func hasType(value any, want string) bool {
	switch want {
	case isText:
		_, ok := value.(string)
		return ok
	case isMapping:
		_, ok := value.(map[string]any)
		return ok
	case isList:
		_, ok := value.([]any)
		return ok
	case isNumber:
		_, ok := value.(int64)
		return ok
	}
	return false
}

// wrongMetadata checks an object's own metadata, or that of a template. It takes
// away nulls that stand for nothing: Kubernetes reads "labels:" as no labels.
func wrongMetadata(path []string, value any, strict bool) *wrong {
	metadata, ok := value.(map[string]any)
	if !ok {
		return &wrong{path, value, isMapping}
	}
	for _, field := range sortedKeys(metadata) {
		value := metadata[field]
		want, known := metadataTypes[field]
		switch {
		case value == nil && (known || isTextMap(field)):
			if strict {
				delete(metadata, field)
			}
		case isTextMap(field):
			if w := wrongTexts(below(path, field), value, strict); w != nil {
				return w
			}
		case known && !hasType(value, want):
			return &wrong{below(path, field), value, want}
		}
	}
	return wrongItems(path, metadata)
}

// isTextMap: a mapping of text to text, wherever metadata stands.
func isTextMap(field string) bool { return field == "labels" || field == "annotations" }

// wrongItems checks what stands in the lists of metadata.
func wrongItems(path []string, metadata map[string]any) *wrong {
	for field, want := range map[string]string{"finalizers": isText, "ownerReferences": isMapping,
		"managedFields": isMapping} {
		list, _ := metadata[field].([]any)
		for i, item := range list {
			if !hasType(item, want) {
				return &wrong{below(path, fmt.Sprintf("%s[%d]", field, i)), item, want}
			}
		}
	}
	return nil
}

// wrongTexts checks a mapping of text to text. Where a custom kind may mean
// "remove this" by a null, it is left.
func wrongTexts(path []string, value any, strict bool) *wrong {
	texts, ok := value.(map[string]any)
	if !ok {
		return &wrong{path, value, isMapping}
	}
	for _, key := range sortedKeys(texts) {
		if !hasType(texts[key], isText) && (strict || texts[key] != nil) {
			return &wrong{below(path, key), texts[key], isText}
		}
	}
	return nil
}

// textMaps are the fields that hold text alone in every kind of Kubernetes
// itself, wherever they stand; dataMaps those at the top of a ConfigMap and a
// Secret, where any name is a key.
var (
	textMaps = []string{"matchLabels", "nodeSelector"}
	dataMaps = []string{"data", "stringData", "binaryData"}
)

// typeWalk looks for metadata and selectors inside of an object: templates of
// pods, of jobs, of claims. A custom kind may use the same names for something
// else, so there only what is called a template counts.
type typeWalk struct{ strict bool }

func (t *typeWalk) mapping(path []string, object map[string]any) *wrong {
	for _, field := range sortedKeys(object) {
		at, value := below(path, field), object[field]
		if value == nil || len(at) == 1 && field == "metadata" {
			continue
		}
		w := t.named(at, value)
		if w == nil {
			w = t.inside(at, value)
		}
		if w != nil {
			return w
		}
	}
	return nil
}

// inside walks on; element N of a list is the field "list[N]".
func (t *typeWalk) inside(at []string, value any) *wrong {
	switch value := value.(type) {
	case map[string]any:
		return t.mapping(at, value)
	case []any:
		for i, item := range value {
			element := slices.Clone(at)
			element[len(element)-1] += fmt.Sprintf("[%d]", i)
			if w := t.inside(element, item); w != nil {
				return w
			}
		}
	}
	return nil
}

// named checks a value whose name says what it holds.
func (t *typeWalk) named(at []string, value any) *wrong {
	field := at[len(at)-1]
	switch {
	case len(at) == 1:
		if t.strict && slices.Contains(dataMaps, field) {
			return wrongTexts(at, value, true)
		}
	case field == "metadata" && isTemplate(at[len(at)-2]), field == "metadata" && t.strict && hasType(value, isMapping):
		return wrongMetadata(at, value, t.strict)
	case t.strict && slices.Contains(textMaps, field) && !slices.Contains(dataMaps, at[0]):
		return wrongTexts(at, value, true)
	}
	return nil
}

// isTemplate: template, jobTemplate, volumeClaimTemplates[0] and the like.
func isTemplate(field string) bool {
	name, _, _ := strings.Cut(strings.ToLower(field), "[")
	return strings.HasSuffix(name, "template") || strings.HasSuffix(name, "templates")
}

// below does not share the path's array: paths are kept in errors.
func below(path []string, field string) []string { return append(slices.Clone(path), field) }
