package values

import (
	"crypto/rand"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
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

// maxGenerated characters are far more than any program wants of a password.
const maxGenerated = 4096

// Generate makes a value of so many characters, each drawn alike and on its own
// from the alphabet of that name. Bits is what somebody must guess.
func Generate(length int, alphabet string) (value []byte, bits float64, err error) {
	letters, ok := alphabets[alphabet]
	if !ok {
		return nil, 0, fault.NewUsage("one of "+strings.Join(Alphabets(), ", "), "--alphabet %.40q is unknown", alphabet)
	}
	if length < 1 || length > maxGenerated {
		return nil, 0, fault.NewUsage(fmt.Sprintf("1 to %d; 32 letters and digits are enough for anything", maxGenerated),
			"--generate %d: no value has that many characters", length)
	}
	value = make([]byte, length)
	size := big.NewInt(int64(len(letters)))
	for i := range value {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			return nil, 0, fmt.Errorf("generate a value: %w", err)
		}
		value[i] = letters[n.Int64()]
	}
	return value, float64(length) * math.Log2(float64(len(letters))), nil
}
