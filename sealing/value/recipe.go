// Package value has what may be known of a secret value before it is sealed, for
// everything that seals: how it is made by a program, and what an editor or a shell
// added to it. No text of it holds any part of a value.
package value

import (
	"crypto/rand"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// alphabets are those that a generated value can be of, by their names.
var alphabets = map[string]string{
	"alnum":     lower + upper + digits,
	"digits":    digits,
	"hex":       digits + "abcdef",
	"base64url": lower + upper + digits + "-_",
	"printable": lower + upper + digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~",
}

// Alphabets are the names of the alphabets, sorted.
func Alphabets() []string { return slices.Sorted(maps.Keys(alphabets)) }

// MaxGenerated characters are far more than any program wants of a password.
const MaxGenerated = 4096

// MaxTotal is what a Secret holds at most, in bytes: Kubernetes' MaxSecretSize.
const MaxTotal = 1 << 20

// Recipe is how a value was made, and can be made again: so many characters of the
// alphabet of that name. It says nothing of the value itself.
type Recipe struct {
	Length   int
	Alphabet string
}

// String writes it as [ParseRecipe] reads it: "32,alnum".
func (r Recipe) String() string { return strconv.Itoa(r.Length) + "," + r.Alphabet }

// ParseRecipe reads "32,alnum".
func ParseRecipe(text string) (Recipe, error) {
	length, alphabet, ok := strings.Cut(text, ",")
	n, err := strconv.Atoi(length)
	if !ok || err != nil {
		return Recipe{}, fmt.Errorf("%.40q says no length and alphabet, as 32,alnum does", text)
	}
	r := Recipe{n, alphabet}
	return r, r.Check()
}

// Check refuses an alphabet that nobody knows, and a length that no value has.
func (r Recipe) Check() error {
	if _, known := alphabets[r.Alphabet]; !known {
		return fmt.Errorf("alphabet %.40q is none of %s", r.Alphabet, strings.Join(Alphabets(), ", "))
	}
	if r.Length < 1 || r.Length > MaxGenerated {
		return fmt.Errorf("a value has 1 to %d characters, not %d", MaxGenerated, r.Length)
	}
	return nil
}

// Make makes a value: each character is drawn alike and on its own. Bits is what
// somebody must guess.
func (r Recipe) Make() (value []byte, bits float64, err error) {
	if err := r.Check(); err != nil {
		return nil, 0, err
	}
	letters := alphabets[r.Alphabet]
	value = make([]byte, r.Length)
	size := big.NewInt(int64(len(letters)))
	for i := range value {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			return nil, 0, fmt.Errorf("generate a value: %w", err)
		}
		value[i] = letters[n.Int64()]
	}
	return value, r.Bits(), nil
}

// Bits is what somebody must guess of a value that is made so.
func (r Recipe) Bits() float64 {
	return float64(r.Length) * math.Log2(float64(len(alphabets[r.Alphabet])))
}
