package hsm_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/sealing/hsm"
)

// uriVector is one line of testdata/uris.json: a URI with what it means, or
// with the attribute that is at fault and a part of why.
type uriVector struct {
	Name    string   `json:"name"`
	URI     string   `json:"uri"`
	Want    *hsm.URI `json:"want,omitempty"`
	Fault   string   `json:"fault,omitempty"`
	Problem string   `json:"problem,omitempty"`
}

func uriVectors(t testing.TB) []uriVector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "uris.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []uriVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("there are no vectors")
	}
	return vectors
}

func TestTokenURIs(t *testing.T) {
	for _, v := range uriVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got, err := hsm.ParseURI(v.URI)
			if v.Want != nil {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(*v.Want, got); diff != "" {
					t.Error(diff)
				}
				return
			}
			var fault *hsm.URIError
			if !errors.As(err, &fault) || fault.Attribute != v.Fault || !strings.Contains(fault.Problem, v.Problem) ||
				v.Problem == "" {
				t.Errorf("%v, want attribute %q and %q", err, v.Fault, v.Problem)
			}
			if got != (hsm.URI{}) {
				t.Errorf("it gives %+v beside the error", got)
			}
		})
	}
}

func TestAPINInATokenURIIsRefusedAndNotRepeated(t *testing.T) {
	for _, uri := range []string{
		"pkcs11:token=acme?pin-value=swordfish",
		"pkcs11:token=acme?pin-source=file:/etc/pin&pin-value=swordfish",
		"pkcs11:token=acme?pin-source=swordfish",
		"pkcs11:token=acme?pin-value=sword fish",
		"pkcs11:token=acme;pin-value=swordfish",
		"pkcs11:token=acme?pin-value=swordfish&pin-value=swordfish",
	} {
		_, err := hsm.ParseURI(uri)
		var fault *hsm.URIError
		if !errors.As(err, &fault) {
			t.Errorf("%s: %v, want URIError", uri, err)
		} else if strings.Contains(err.Error()+fault.Hint, "sword") {
			t.Errorf("the error repeats the PIN: %v", err)
		}
	}
}

// FuzzTokenURI: what is accepted says one thing, and can be said again.
func FuzzTokenURI(f *testing.F) {
	seeds := 0
	for _, v := range uriVectors(f) {
		f.Add(v.URI)
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := hsm.ParseURI(text)
		if err != nil {
			var fault *hsm.URIError
			if !errors.As(err, &fault) || u != (hsm.URI{}) {
				t.Fatalf("%T beside %+v", err, u)
			}
			return
		}
		if u.Token == "" || u.Module != "" && !filepath.IsAbs(u.Module) || u.PINFile != "" && !filepath.IsAbs(u.PINFile) {
			t.Fatalf("%q is accepted as %+v", text, u)
		}
		if len(text) > 1000 {
			return // spelled out it would be longer than any URI
		}
		again, err := hsm.ParseURI(spell(u))
		if err != nil || again != u {
			t.Fatalf("%+v is spelled %s, which is %+v (%v)", u, spell(u), again, err)
		}
	})
}

// spell writes a URI with every byte of its values percent-encoded.
func spell(u hsm.URI) string {
	encode := func(value string) string {
		var b strings.Builder
		for _, c := range []byte(value) {
			const digits = "0123456789abcdef"
			b.WriteString("%" + string(digits[c>>4]) + string(digits[c&15]))
		}
		return b.String()
	}
	path, query := "token="+encode(u.Token), ""
	for _, a := range []struct{ name, value string }{{"serial", u.Serial}, {"manufacturer", u.Manufacturer},
		{"model", u.Model}} {
		if a.value != "" {
			path += ";" + a.name + "=" + encode(a.value)
		}
	}
	for _, a := range []struct{ name, value string }{{"module-path", u.Module}, {"pin-source", u.PINFile}} {
		if a.value != "" {
			query += "&" + a.name + "=" + encode(a.value)
		}
	}
	if query != "" {
		query = "?" + query[1:]
	}
	return "pkcs11:" + path + query
}
