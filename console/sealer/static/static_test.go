package static

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

// TestAProgramWithoutTheSealerSaysSo: a page that cannot seal must not be served.
func TestAProgramWithoutTheSealerSaysSo(t *testing.T) {
	if _, err := Handler(fstest.MapFS{}); err == nil {
		t.Error("a handler without a program")
	}
	if _, err := builtIn(fstest.MapFS{Glue: {}}); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("half of it: %v", err)
	}
	if _, err := builtIn(fstest.MapFS{Glue: {}, Program: {}}); err != nil {
		t.Errorf("all of it: %v", err)
	}
}

// TestTheProgramComesAsItIsAsked for, with the type that a browser demands.
func TestTheProgramComesAsItIsAsked(t *testing.T) {
	var packed bytes.Buffer
	w := brotli.NewWriter(&packed)
	if _, err := w.Write([]byte("program")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	handler, err := Handler(fstest.MapFS{Program: {Data: packed.Bytes()}, Glue: {Data: []byte("glue")}})
	if err != nil {
		t.Fatal(err)
	}
	for accepted, packs := range map[string]bool{
		"": false, "gzip": false, "br;q=0": false, "gzip, br": true, "br;q=1": true,
	} {
		request, answer := httptest.NewRequest("GET", "/any/sealer.wasm", nil), httptest.NewRecorder()
		request.Header.Set("Accept-Encoding", accepted)
		handler.ServeHTTP(answer, request)
		var body io.Reader = answer.Body
		if packs {
			body = brotli.NewReader(body)
		}
		text, err := io.ReadAll(body)
		if err != nil || string(text) != "program" || answer.Header().Get("Content-Type") != "application/wasm" ||
			(answer.Header().Get("Content-Encoding") == "br") != packs {
			t.Errorf("%q: %q, %v, %v", accepted, text, err, answer.Header())
		}
	}
}
