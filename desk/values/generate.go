package values

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/sealing/value"
)

// Recipe is how a value was made.
type Recipe = value.Recipe

// Alphabets are the names of the alphabets, sorted.
func Alphabets() []string { return value.Alphabets() }

// guessable bits and less are tried out in an afternoon where nothing counts the tries.
const guessable = 64

// Weak says of a key's recipe that its values can be guessed; "" of one whose cannot.
func Weak(key string, r Recipe) string { return WeakOf(key, r, r.Alphabet) }

// WeakOf is Weak with the alphabet as whoever reads it knows it.
func WeakOf(key string, r Recipe, of string) string {
	bits := r.Bits()
	if bits >= guessable {
		return ""
	}
	return fmt.Sprintf("key %s: %s of %s can be guessed with %.0f bits; 64 and more are out of reach", key,
		plural.Of(r.Length, "character"), of, bits)
}

// Generate makes a value as flags ask for it. Bits is what somebody must guess.
func Generate(length int, alphabet string) (made []byte, bits float64, err error) {
	if !slices.Contains(Alphabets(), alphabet) {
		return nil, 0, fault.NewUsage("one of "+strings.Join(Alphabets(), ", "), "--alphabet %.40q is unknown", alphabet)
	}
	if length < 1 || length > value.MaxGenerated {
		return nil, 0, fault.NewUsage(
			fmt.Sprintf("1 to %d; 32 letters and digits are enough for anything", value.MaxGenerated),
			"--generate %d: no value has that many characters", length)
	}
	return Recipe{Length: length, Alphabet: alphabet}.Make()
}
