package sealing

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/api/canonical"
)

// encodeValues writes the plaintext of a payload: a JSON object from pointer
// to base64 value, in its canonical form.
func encodeValues(values map[string]string) ([]byte, error) {
	text, err := canonical.JSON(values)
	if err != nil {
		return nil, refuse(ClassParse, "values cannot be written as JSON")
	}
	return text, nil
}

// decodeValues reads what encodeValues wrote, and nothing else: comparing with
// the one spelling refuses duplicate keys, nulls, trailing data, escapes and
// bytes that are not UTF-8 in one stroke. Its errors never quote the text.
func decodeValues(fields []string, plaintext []byte) (map[string]string, error) {
	var values map[string]string
	if json.Unmarshal(plaintext, &values) != nil || values == nil {
		return nil, refuse(ClassParse, "payload does not hold a JSON object of strings")
	}
	canonical, err := encodeValues(values)
	if err != nil {
		return nil, err
	}
	defer clear(canonical)
	if !bytes.Equal(canonical, plaintext) {
		return nil, refuse(ClassParse, "payload does not hold canonical JSON")
	}
	return values, checkValues(fields, values)
}

// checkValues wants exactly the fields as keys and base64 as values.
func checkValues(fields []string, values map[string]string) error {
	if !slices.Equal(slices.Sorted(maps.Keys(values)), fields) {
		return refuse(ClassParse, "payload does not hold exactly the fields of its block")
	}
	for _, field := range fields {
		if _, ok := decodeCanonical(base64.StdEncoding, values[field]); !ok {
			return refuse(ClassParse, "value of %q is not canonical base64", field)
		}
	}
	return nil
}
