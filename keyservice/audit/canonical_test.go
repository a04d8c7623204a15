package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/api/canonical"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

var someTime = time.Date(2026, 11, 22, 4, 5, 6, 789_000, time.UTC)

// filled sets every field, so that a field that Marshal forgets is noticed.
func filled(t testing.TB) audit.Entry {
	var e audit.Entry
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch field.Interface().(type) {
		case string, audit.Kind:
			field.SetString("some " + name)
		case int:
			field.SetInt(int64(i + 1))
		case []string:
			field.Set(reflect.ValueOf([]string{name + " 1", name + " 2"}))
		case time.Time:
			field.Set(reflect.ValueOf(someTime))
		default:
			t.Fatalf("field %s has a type that this test does not know", name)
		}
	}
	return e
}

func TestAnEntryReadsBackAsItWasWritten(t *testing.T) {
	awkward := "\x00\x1f\b\t\n\f\r\"\\/<>&\u007f\u2028\u2029\U0001F3FA"
	for name, e := range map[string]audit.Entry{
		"every field": filled(t),
		"the least":   {Time: someTime, Kind: audit.Start, Outcome: "Done", Fleet: fleet},
		"awkward characters": {Time: someTime, Kind: audit.Person, Outcome: awkward, Fleet: fleet,
			Targets: []string{awkward, ""}},
	} {
		got, err := audit.ParseEntry(e.Marshal())
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, e.Marshal())
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAnEntryIsCanonicalJSON: members that are written one by one are what the
// whole would be.
func TestAnEntryIsCanonicalJSON(t *testing.T) {
	awkward := "\x00\x1f\b\t\n\f\r\"\\/<>&\u007f\u2028\u2029\U0001F3FA\xff\xfe\ufffd"
	other := filled(t)
	other.Detail, other.Also, other.Outcome = awkward, []string{awkward, ""}, awkward
	for _, e := range []audit.Entry{filled(t), other, {Time: someTime, Kind: audit.Start, Outcome: "Done", Fleet: fleet}} {
		decoder := json.NewDecoder(bytes.NewReader(e.Marshal()))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if want, err := canonical.JSON(value); err != nil || !bytes.Equal(e.Marshal(), want) {
			t.Errorf("an entry is %s\nand canonical  %s, %v", e.Marshal(), want, err)
		}
	}
}

// The form is RFC 8785's. The bytes are pinned: one that changes makes every
// log that there is unreadable.
func TestTheBytesOfAnEntryAreThese(t *testing.T) {
	e := audit.Entry{
		Time: time.Date(2026, 11, 22, 5, 5, 6, 1_234_567, time.FixedZone("CET", 3600)), Kind: audit.Unseal,
		Outcome: "Granted", Fleet: fleet,
		Cluster: "prod-eu", Head: "abc", Targets: []string{"set/a", "set/b"}, Operations: 2,
		Detail: "<\u2028\x01\n\"é\xff\xfe",
	}
	want := `{"cluster":"prod-eu","detail":"<` + "\u2028" + `\u0001\n\"é` + "\uFFFD" + `","fleet":"` + fleet +
		`","head":"abc","kind":"Unseal","operations":2,"outcome":"Granted","targets":["set/a","set/b"],` +
		`"time":"2026-11-22T04:05:06.001234Z"}`
	if diff := cmp.Diff(want, string(e.Marshal())); diff != "" {
		t.Error(diff)
	}
}

func TestFreeTextDoesNotMakeAnEntryTooLarge(t *testing.T) {
	for name, detail := range map[string]string{
		"long":            strings.Repeat("x", 1<<20),
		"long characters": "x" + strings.Repeat("\U0001F3FA", 1<<18),
		"not UTF-8":       strings.Repeat("\xff", 1<<20),
		"mixed":           strings.Repeat("a\xff", 1<<18),
	} {
		line := audit.Entry{Time: someTime, Detail: detail}.Marshal()
		e, err := audit.ParseEntry(line)
		if err != nil || len(e.Detail) > 1024 || !utf8.ValidString(e.Detail) || e.Detail == "" {
			t.Errorf("%s: %d bytes of detail, %v", name, len(e.Detail), err)
		}
	}
}

func TestOnlyTheCanonicalFormIsAnEntry(t *testing.T) {
	good := string(audit.Entry{Time: someTime, Kind: audit.Unseal, Outcome: "Granted", Fleet: fleet, Cluster: "a",
		Operations: 1, Keys: []string{"k"}}.Marshal())
	if _, err := audit.ParseEntry([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"nothing":                "",
		"no object":              "[]",
		"null":                   "null",
		"an unknown member":      strings.Replace(good, `{`, `{"also":"x",`, 1),
		"a member twice":         strings.Replace(good, `{`, `{"cluster":"b",`, 1),
		"a member in other case": strings.Replace(good, `"cluster"`, `"Cluster"`, 1),
		"members in other order": strings.Replace(strings.Replace(good, `"cluster":"a",`, "", 1), `}`, `,"cluster":"a"}`,
			1),
		"a space":                 strings.Replace(good, `,`, `, `, 1),
		"a newline at the end":    good + "\n",
		"another value":           good + good,
		"an escape without need":  strings.Replace(good, `"a"`, `"\u0061"`, 1),
		"an escaped slash":        strings.Replace(good, `"a"`, `"\/"`, 1),
		"an escape in capitals":   strings.Replace(good, `"a"`, `"\u001F"`, 1),
		"half a surrogate":        strings.Replace(good, `"a"`, `"\ud800"`, 1),
		"bytes that are no UTF-8": strings.Replace(good, `"a"`, "\"\xff\"", 1),
		"an empty member":         strings.Replace(good, `"a"`, `""`, 1),
		"an empty list":           strings.Replace(good, `["k"]`, `[]`, 1),
		"a number with a point":   strings.Replace(good, `1,`, `1.0,`, 1),
		"a number as a text":      strings.Replace(good, `1,`, `"1",`, 1),
		"a time in another zone":  strings.Replace(good, `Z"`, `+00:00"`, 1),
		"a time of nanoseconds":   strings.Replace(good, `Z"`, `000Z"`, 1),
		"a time of milliseconds":  strings.Replace(good, `.000789Z"`, `.000Z"`, 1),
		"no time": strings.Replace(good, `,"time":"`+someTime.Format("2006-01-02T15:04:05.000000Z")+`"`, "",
			1),
		"no outcome":                strings.Replace(good, `"outcome":"Granted",`, "", 1),
		"more than an entry can be": strings.Replace(good, `"a"`, `"`+strings.Repeat("a", audit.MaxEntry)+`"`, 1),
	} {
		if line == good {
			t.Fatalf("%s: the vector changes nothing", name)
		}
		if e, err := audit.ParseEntry([]byte(line)); !errors.Is(err, audit.ErrEntry) {
			t.Errorf("%s: reads as %+v, %v", name, e, err)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	seeds := [][]byte{filled(f).Marshal(), audit.Entry{Time: someTime}.Marshal(), []byte(`{"time":""}`)}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if _, err := audit.ParseEntry(seeds[0]); err != nil {
		f.Fatal("the seeds do not parse")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := audit.ParseEntry(data)
		if err != nil {
			if !errors.Is(err, audit.ErrEntry) {
				t.Fatalf("error %v is not ErrEntry", err)
			}
			return
		}
		if string(e.Marshal()) != string(data) {
			t.Fatalf("reads, and is written as\n%s", e.Marshal())
		}
	})
}

// FuzzEntry: whatever stands in the fields, what is written reads back, and is
// written the same.
func FuzzEntry(f *testing.F) {
	f.Add("Granted", "prod-eu", "detail", "set/a", 3, int64(1_700_000_000_000_001))
	f.Add("\xff\x00\u2028", "\"\\", strings.Repeat("\xff", 3000), "", -1, int64(0))
	f.Fuzz(func(t *testing.T, outcome, cluster, detail, target string, count int, micro int64) {
		at := time.UnixMicro(micro % 200_000_000_000_000_000).UTC() // years 1 to 9999 have four digits
		if at.Year() < 1 || at.Year() > 9999 || len(outcome)+len(cluster)+len(target) > audit.MaxEntry/12 {
			return
		}
		e := audit.Entry{Time: at, Outcome: outcome, Cluster: cluster, Detail: detail, Targets: []string{target},
			Count: count}
		line := e.Marshal()
		read, err := audit.ParseEntry(line)
		if err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		if string(read.Marshal()) != string(line) || !read.Time.Equal(at) {
			t.Fatalf("read back, it is written differently:\n%s\n%s", line, read.Marshal())
		}
	})
}
