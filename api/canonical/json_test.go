package canonical

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func read(t testing.TB, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return value
}

// The examples of RFC 8785: sections 3.2.2 and 3.2.3, and appendix B.
func TestExamplesOfTheRFC(t *testing.T) {
	for text, want := range map[string]string{
		`{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
		  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}`: `{"literals":[null,true,false],` +
			`"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		`{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
		  "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}`: `{"\r":"Carriage Return","1":"One",` +
			"\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: " +
			"Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		`[]`:                    `[]`,
		`{}`:                    `{}`,
		`"\u2028<&>\u0007\b\f"`: "\"\u2028<&>\\u0007\\b\\f\"",
	} {
		if got, err := JSON(read(t, text)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0", 0x0000000000000001: "5e-324", 0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308", 0x4340000000000000: "9007199254740992",
		0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22", 0x44b52d02c7e14af6: "1e+23", 0x444b1ae4d6e2ef4e: "999999999999999700000",
		0x444b1ae4d6e2ef50: "1e+21", 0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7", 0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332",
		0xbecbf647612f3696: "-0.0000033333333333333333", 0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		if got, err := JSON(math.Float64frombits(bits)); err != nil || string(got) != want {
			t.Errorf("%x: %s, %v; want %s", bits, got, err, want)
		}
	}
}

// TestNumbersAreAsEncodingJSONHasThem: digests of before were taken so, and each would change.
func TestNumbersAreAsEncodingJSONHasThem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200_000 {
		float := math.Float64frombits(random.Uint64())
		if i%2 == 0 {
			float = math.Trunc(random.NormFloat64()*1e4) * math.Pow10(random.IntN(60)-30)
		}
		want, err := json.Marshal(float)
		if err != nil || float == 0 {
			continue
		}
		if got, err := JSON(float); err != nil || string(got) != string(want) {
			t.Fatalf("%x: %s, %v; want %s", math.Float64bits(float), got, err, want)
		}
	}
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	for name, value := range map[string]any{
		"not a number": math.NaN(), "infinity": []any{math.Inf(1)}, "a number too large": json.Number("1e999"),
		"a struct": map[string]any{"a": struct{}{}}, "a name that is no UTF-8": map[string]string{"\xff": ""},
	} {
		if got, err := JSON(value); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWholeNumbersKeepAllTheirDigits(t *testing.T) {
	for _, value := range []any{int64(math.MaxInt64), json.Number("9223372036854775807"), math.MaxInt64} {
		if got, err := JSON(value); err != nil || string(got) != "9223372036854775807" {
			t.Errorf("%T: %s, %v", value, got, err)
		}
	}
}

// FuzzOneValueHasOneText: what is written is JSON, says the same, and is written
// again as it stands.
func FuzzOneValueHasOneText(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5,"\u2028<",null,true],"\ud83d\ude00":{},"\uffff":-0.0}`, `"\ud800"`,
		`[1e21,1e-7,123456789012345678]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&value) != nil {
			return
		}
		once, err := JSON(value)
		if err != nil {
			return // a number that no double holds
		}
		twice, err := JSON(read(t, string(once)))
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s is written %s, and then %s, %v", text, once, twice, err)
		}
	})
}

// TestWhatStatusesRememberStays: another digest would apply every object of every
// fleet again.
func TestWhatStatusesRememberStays(t *testing.T) {
	got, err := StatusDigest(map[string]any{"data": map[string]any{"b": "<&>\u2028", "a": int64(1)}, "n": 1.5})
	const pinned = "sha256:6faf735f6934aa7ba2277313f95c6abaaf35cacae64eded0d489e2cf4a9b22d6"
	if err != nil || got != pinned {
		t.Errorf("digest %s, %v; want %s", got, err, pinned)
	}
	if _, err := StatusDigest(math.NaN()); err == nil {
		t.Error("what is no JSON has a digest")
	}
}
