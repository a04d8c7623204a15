// Package canonical writes JSON in the one form that hashes are taken of: two
// programs that agree on a value agree on its digest.
//
// [JSON] is RFC 8785 (JCS). What clusters remember is in an older form, see
// [StatusDigest]. There is no third.
package canonical

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON writes a value that is JSON (nil, bool, text, numbers, lists and maps of
// such) as RFC 8785 has it: members in the order of their names in UTF-16, no
// spaces, no escape that need not be. In a text bytes that are no UTF-8 become
// U+FFFD; in a name they are an error.
//
// Whole numbers of Go are written whole. RFC 8785 has 53 bits of them only, and two
// that differ beyond would have one digest.
func JSON(value any) ([]byte, error) { return appendValue(nil, value) }

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return AppendString(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return appendFloat(b, v)
	case json.Number:
		return appendNumber(b, v)
	case []string:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case map[string]string:
		return appendMap(b, v)
	case map[string]any:
		return appendMap(b, v)
	}
	return nil, fmt.Errorf("write canonical JSON: a %T is no value of JSON", value)
}

func appendNumber(b []byte, number json.Number) ([]byte, error) {
	if whole, err := number.Int64(); err == nil {
		return strconv.AppendInt(b, whole, 10), nil
	}
	float, err := number.Float64()
	if err != nil {
		return nil, fmt.Errorf("write canonical JSON: %w", err)
	}
	return appendFloat(b, float)
}

// appendFloat writes a number as ECMAScript does, and so RFC 8785, section 3.2.2.3.
// encoding/json does too, but for the sign of zero; it would be a fifteenth of what a
// browser loads to seal with.
func appendFloat(b []byte, float float64) ([]byte, error) {
	switch size := math.Abs(float); {
	case math.IsNaN(float) || math.IsInf(float, 0):
		return nil, fmt.Errorf("write canonical JSON: %v is no number of JSON", float)
	case float == 0:
		return append(b, '0'), nil
	case size >= 1e-6 && size < 1e21:
		return strconv.AppendFloat(b, float, 'f', -1, 64), nil
	}
	text := strconv.FormatFloat(float, 'e', -1, 64)
	return append(b, strings.Replace(text, "e-0", "e-", 1)...), nil // as 1e-07, of which there are two digits
}

func appendList[T any](b []byte, list []T) (_ []byte, err error) {
	b = append(b, '[')
	for i, item := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, item); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendMap[T any](b []byte, object map[string]T) (_ []byte, err error) {
	b = append(b, '{')
	for i, name := range slices.SortedFunc(maps.Keys(object), compare) {
		if !utf8.ValidString(name) { // two names could become one
			return nil, fmt.Errorf("write canonical JSON: the name %q is not UTF-8", name)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, name), ':')
		if b, err = appendValue(b, object[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// compare orders names by their UTF-16. Bytes give the same order, but for
// characters beyond U+FFFF, which UTF-16 has before U+E000.
func compare(a, b string) int {
	if isPlain(a) || isPlain(b) {
		return strings.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// isPlain says that a text stands for itself between quotes, as nearly all do.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// replacement stands for bytes that are no UTF-8, as many as there are in a row.
const replacement = "\uFFFD"

// AppendString writes a text in quotes, as RFC 8785, section 3.2.2.2, has it. Bytes
// that are no UTF-8 become U+FFFD.
func AppendString(b []byte, text string) []byte {
	if isPlain(text) {
		return append(append(append(b, '"'), text...), '"')
	}
	b = append(b, '"')
	for _, r := range strings.ToValidUTF8(text, replacement) {
		switch short := strings.IndexRune("\b\t\n\f\r\"\\", r); {
		case short >= 0:
			b = append(b, '\\', `btnfr"\`[short])
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
