package sealing_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func hashOf(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// recipes are all vectors by file name without its end.
func recipes() map[string]recipe {
	all := map[string]recipe{}
	for _, some := range []map[string]recipe{
		opening(), armorRecipes(), headerRecipes(), valueRecipes(), lockRecipes(), innerRecipes(), bindingRecipes(),
		macRecipes(),
	} {
		maps.Copy(all, some)
	}
	return all
}

func opening() map[string]recipe {
	all := map[string]recipe{
		"ok-scope-namespace": {
			description: "scope Namespace binds no name", class: classOK, tokenCalls: 1,
			context: func(c *sealing.Context) { c.Scope, c.Name = api.ScopeNamespace, "" },
		},
		"ok-scope-fleet": {
			description: "scope Fleet binds neither namespace nor name", class: classOK, tokenCalls: 1,
			context: func(c *sealing.Context) { c.Scope, c.Namespace, c.Name = api.ScopeFleet, "", "" },
		},
		"ok-empty-value": {
			description: "a value may be empty", class: classOK, tokenCalls: 1,
			context: func(c *sealing.Context) { c.Fields = []string{"/data/empty"} },
			values:  map[string]string{"/data/empty": ""},
		},
		"ok-many-chunks": {
			description: "a payload of more than one age chunk (64 KiB)", class: classOK, tokenCalls: 1,
			context: func(c *sealing.Context) { c.Fields = []string{"/data/large"} },
			values: map[string]string{"/data/large": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("0123456789"),
				5000))},
		},
		"ok-without-recovery": {
			description: "no recovery stanza", class: classOK, tokenCalls: 1,
			recovery: func(*age.Stanza) []*age.Stanza { return nil },
		},
		"recovery-stranger": {
			description: "a key that is no recovery key of this payload", class: classNoMatch, path: pathRecovery,
			opener: func(v *vector) { v.Recovery = "bulla vector stranger" },
		},
	}
	for suite, name := range map[api.Suite]string{api.SuiteP256: "p256", api.SuiteHybrid: "hybrid"} {
		all["ok-"+name+"-set"] = recipe{description: "a lock for a set", class: classOK, tokenCalls: 1, suite: suite}
		all["ok-"+name+"-cluster"] = recipe{description: "a lock for a cluster (two-lock)", class: classOK, tokenCalls: 1,
			suite: suite, lock: 1}
		all["ok-"+name+"-recovery"] = recipe{description: "the recovery key alone, without the token", class: classOK,
			path: pathRecovery, suite: suite}
	}
	return all
}

func armorRecipes() map[string]recipe {
	edits := map[string]struct {
		description string
		edit        func(string) string
	}{
		"crlf":   {"lines end with CR LF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
		"one-cr": {"one line ends with CR LF", func(s string) string { return strings.Replace(s, "\n", "\r\n", 1) }},
		"no-last-line": {"the last line end is missing (YAML |-)",
			func(s string) string { return strings.TrimSuffix(s, "\n") }},
		"trailing-line": {"an empty line follows (YAML |+)", func(s string) string { return s + "\n" }},
		"leading-line":  {"an empty line stands before", func(s string) string { return "\n" + s }},
		"trailing-text": {"text follows", func(s string) string { return s + "x\n" }},
		"wrapped": {"the first line of base64 is shorter than the others",
			func(s string) string { return s[:80] + "\n" + s[80:] }},
		"one-line":   {"base64 in one line", func(s string) string { return unwrap(s) }},
		"no-padding": {"base64 without padding", func(s string) string { return strings.ReplaceAll(s, "=", "") }},
		"spaces": {"a line of base64 starts with a space",
			func(s string) string { return strings.Replace(s, "\n", "\n ", 1) }},
		"other-label": {"the armor has another label",
			func(s string) string { return strings.ReplaceAll(s, "AGE ENCRYPTED FILE", "AGE FILE") }},
		"cut":   {"the armor has no end", func(s string) string { return s[:strings.Index(s, "-----END")] }},
		"empty": {"the payload is empty", func(string) string { return "" }},
	}
	all := map[string]recipe{}
	for name, e := range edits {
		all["parse-armor-"+name] = recipe{description: e.description, class: "parse", armor: e.edit}
	}
	return all
}

func unwrap(s string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	return lines[0] + "\n" + strings.Join(lines[1:len(lines)-1], "") + "\n" + lines[len(lines)-1] + "\n"
}

func headerRecipes() map[string]recipe {
	edit := func(change func(*age.Stanza)) func(*age.Stanza) []*age.Stanza {
		return func(s *age.Stanza) []*age.Stanza { change(s); return []*age.Stanza{s} }
	}
	other := &age.Stanza{Type: "bulla.dev/lock", Args: []string{base64.RawStdEncoding.EncodeToString(make([]byte, 32))}}
	all := map[string]recipe{
		"parse-header-no-lock": {description: "no lock stanza", class: "parse",
			header: func(*age.Stanza) []*age.Stanza { return nil }},
		"parse-header-two-locks": {description: "the lock stanza twice", class: "parse",
			header: func(s *age.Stanza) []*age.Stanza { return []*age.Stanza{s, s} }},
		"parse-header-other-lock": {description: "a second lock stanza with another context", class: "parse",
			header: func(s *age.Stanza) []*age.Stanza { return []*age.Stanza{s, other} }},
		"parse-header-lock-last": {description: "the lock stanza is not the first", class: "parse",
			recovery: func(s *age.Stanza) []*age.Stanza { return []*age.Stanza{s, other} }},
		"parse-header-foreign": {description: "a stanza of a type that is no recovery recipient's", class: "parse",
			header: func(s *age.Stanza) []*age.Stanza { return []*age.Stanza{s, {Type: "example.com/x"}} }},
		"parse-header-scrypt": {description: "a passphrase stanza", class: "parse",
			header: func(s *age.Stanza) []*age.Stanza {
				return []*age.Stanza{s, {Type: "scrypt", Args: []string{"AAAAAAAAAAAAAAAAAAAAAA", "10"}, Body: make([]byte, 32)}}
			}},
		"parse-header-type-case": {description: "the type in capitals", class: "parse",
			header: edit(func(s *age.Stanza) { s.Type = "BULLA.DEV/LOCK" })},
		"parse-header-no-argument": {description: "a lock stanza without an argument", class: "parse",
			header: edit(func(s *age.Stanza) { s.Args = nil })},
		"parse-header-two-arguments": {description: "a lock stanza with two arguments", class: "parse",
			header: edit(func(s *age.Stanza) { s.Args = append(s.Args, "x") })},
		"parse-header-body": {description: "a lock stanza with a body", class: "parse",
			header: edit(func(s *age.Stanza) { s.Body = []byte{0} })},
		"parse-header-padded": {description: "an argument with base64 padding", class: "parse",
			header: edit(func(s *age.Stanza) { s.Args[0] += "=" })},
		"parse-header-stray-bits": {description: "an argument with stray last bits", class: "parse",
			header: edit(func(s *age.Stanza) { s.Args[0] = strayArgument(s.Args[0]) })},
		"parse-header-hexadecimal": {description: "an argument in hexadecimal with a colon", class: "parse",
			header: edit(func(s *age.Stanza) { s.Args[0] = fmt.Sprintf("sha256:%x", s.Args[0]) })},
		"parse-header-version": {description: "another version of age", class: "parse",
			file: func(b []byte) []byte { return bytes.Replace(b, []byte("/v1\n"), []byte("/v2\n"), 1) }},
		"length-header-short-argument": {description: "an argument of 31 bytes", class: "length",
			header: edit(func(s *age.Stanza) { s.Args[0] = base64.RawStdEncoding.EncodeToString(make([]byte, 31)) })},
		"length-header-long-argument": {description: "an argument of 33 bytes", class: "length",
			header: edit(func(s *age.Stanza) { s.Args[0] = base64.RawStdEncoding.EncodeToString(make([]byte, 33)) })},
		"length-payload-header-only": {description: "a file that ends with its header", class: "length",
			file: func(b []byte) []byte { return b[:bytes.Index(b, []byte("\n--- "))+49] }},
	}
	many := func(s *age.Stanza) []*age.Stanza {
		stanzas := []*age.Stanza{}
		for range 32 {
			stanzas = append(stanzas, s)
		}
		return stanzas
	}
	all["parse-header-many"] = recipe{description: "33 stanzas; the limit is 32", class: "parse", recovery: many}
	return all
}

// strayArgument sets unused bits of the last character: 32 bytes leave two.
func strayArgument(arg string) string { return strings.TrimSuffix(stray(arg+"\n"), "\n") }

func valueRecipes() map[string]recipe {
	p, u := testValues()["/data/password"], testValues()["/data/user"]
	plaintexts := map[string][2]string{
		"duplicate": {"a key twice",
			`{"/data/password":"` + p + `","/data/password":"` + p + `","/data/user":"` + u + `"}`},
		"missing": {"a field without a value", `{"/data/password":"` + p + `"}`},
		"extra": {"a key that is no field",
			`{"/data/extra":"","/data/password":"` + p + `","/data/user":"` + u + `"}`},
		"unsorted":     {"keys that are not sorted", `{"/data/user":"` + u + `","/data/password":"` + p + `"}`},
		"spaces":       {"a space after a colon", `{"/data/password": "` + p + `","/data/user":"` + u + `"}`},
		"newline":      {"a line end after the object", `{"/data/password":"` + p + `","/data/user":"` + u + `"}` + "\n"},
		"second":       {"a second object", `{"/data/password":"` + p + `","/data/user":"` + u + `"}{}`},
		"escape":       {"a key with an escape", `{"\u002fdata/password":"` + p + `","/data/user":"` + u + `"}`},
		"null-value":   {"a value that is null", `{"/data/password":null,"/data/user":"` + u + `"}`},
		"number":       {"a value that is a number", `{"/data/password":1,"/data/user":"` + u + `"}`},
		"nested":       {"a value that is an object", `{"/data/password":{},"/data/user":"` + u + `"}`},
		"list":         {"a list", `["` + p + `","` + u + `"]`},
		"null":         {"null", `null`},
		"not-base64":   {"a value that is not base64", `{"/data/password":"p","/data/user":"` + u + `"}`},
		"unpadded":     {"a value in unpadded base64", `{"/data/password":"YQ","/data/user":"` + u + `"}`},
		"stray-bits":   {"a value with stray last bits", `{"/data/password":"YR==","/data/user":"` + u + `"}`},
		"url-base64":   {"a value in URL-safe base64", `{"/data/password":"-_8=","/data/user":"` + u + `"}`},
		"not-utf8":     {"a key that is not UTF-8", "{\"/data/pass\xffword\":\"" + p + `","/data/user":"` + u + `"}`},
		"byte-order":   {"a byte order mark", "\ufeff" + `{"/data/password":"` + p + `","/data/user":"` + u + `"}`},
		"line-in-text": {"a value with an escaped line end", `{"/data/password":"YWJj\n","/data/user":"` + u + `"}`},
	}
	all := map[string]recipe{}
	for name, text := range plaintexts {
		all["parse-values-"+name] = recipe{description: "plaintext: " + text[0], class: "parse", tokenCalls: 1,
			plaintext: text[1]}
	}
	return all
}

func lockRecipes() map[string]recipe {
	all := map[string]recipe{}
	for _, suite := range suites {
		for name, edit := range malformedLocks(suite) {
			file := fmt.Sprintf("%s-lock-%s-%s", edit.want, strings.ToLower(string(suite)),
				strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(name)))
			all[file] = recipe{description: "lock: " + name, class: string(edit.want), suite: suite,
				locks: func(l []api.Lock) { edit.change(&l[0]) }}
		}
	}
	all["length-lock-other-suite"] = recipe{
		description: "a lock of suite P256 under a hybrid key", class: "length",
		opener: func(v *vector) { v.Suite = api.SuiteHybrid },
	}
	return all
}

func innerRecipes() map[string]recipe {
	text := func(edit func(string) string) func([]byte) []byte {
		return func(b []byte) []byte {
			if len(b) == sealing.FileKeySize {
				return b
			}
			return []byte(edit(string(b)))
		}
	}
	return map[string]recipe{
		"length-inner-file-key": {description: "a set's lock with 17 bytes inside", class: "length",
			inner: func(b []byte) []byte { return append(b, 0) }},
		"length-inner-line": {description: "a line end after the inner stanza", class: "length", lock: 1,
			inner: text(func(s string) string { return s + "\n" })},
		"parse-inner-type": {description: "an inner stanza of another type", class: "parse", tokenCalls: 1, lock: 1,
			inner: text(func(s string) string { return strings.Replace(s, "x25519", "x25518", 1) })},
		"parse-inner-arguments": {description: "an inner stanza with two arguments", class: "parse", tokenCalls: 1, lock: 1,
			inner: text(func(s string) string { return s[:30] + " " + s[31:] })},
		"parse-inner-stray": {description: "an inner stanza whose body has stray last bits", class: "parse",
			tokenCalls: 1, lock: 1, inner: text(stray)},
		"parse-inner-arrow": {description: "an inner stanza with another arrow", class: "parse", tokenCalls: 1, lock: 1,
			inner: text(func(s string) string { return "=>" + s[2:] })},
		"mac-inner-body": {description: "an inner stanza with a flipped body", class: "mac", tokenCalls: 1, lock: 1,
			inner: text(func(s string) string { return swapLast(s, len(s)-20) })},
	}
}

// swapLast replaces one base64 character by another.
func swapLast(s string, i int) string {
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

func bindingRecipes() map[string]recipe {
	changes := map[string]func(*sealing.Context){
		"fleet":           func(c *sealing.Context) { c.Fleet = "6f1c0000000000000000000000000002" },
		"scope-namespace": func(c *sealing.Context) { c.Scope, c.Name = api.ScopeNamespace, "" },
		"scope-fleet":     func(c *sealing.Context) { c.Scope, c.Namespace, c.Name = api.ScopeFleet, "", "" },
		"group":           func(c *sealing.Context) { c.Group = "example.com" },
		"kind":            func(c *sealing.Context) { c.Kind = "ConfigMap" },
		"namespace":       func(c *sealing.Context) { c.Namespace = "shop" },
		"name":            func(c *sealing.Context) { c.Name = "shop-db" },
		"shifted":         func(c *sealing.Context) { c.Namespace, c.Name = "payment", "spayments-db" },
		"field":           func(c *sealing.Context) { c.Fields = []string{"/data/password", "/data/users"} },
		"fewer-fields":    func(c *sealing.Context) { c.Fields = []string{"/data/password"} },
		"more-fields":     func(c *sealing.Context) { c.Fields = []string{"/data/password", "/data/user", "/data/z"} },
	}
	all := map[string]recipe{}
	for name, change := range changes {
		all["binding-lock-"+name] = recipe{description: "opened in another context: " + name, class: "binding",
			opened: change}
		all["binding-recovery-"+name] = recipe{description: "opened in another context with the recovery key: " + name,
			class: "binding", path: pathRecovery, opened: change}
	}
	return all
}

func macRecipes() map[string]recipe {
	flip := func(i int) func([]byte) []byte {
		return func(b []byte) []byte { b[(i+len(b))%len(b)] ^= 1; return b }
	}
	headerMAC := func(b []byte) []byte {
		b[bytes.Index(b, []byte("\n--- "))+10] ^= 1
		return b
	}
	onFirst := func(edit func([]byte) []byte) func([]api.Lock) {
		return func(l []api.Lock) { onBytes(edit)(&l[0]) }
	}
	return map[string]recipe{
		"mac-lock-ciphertext": {description: "a flipped bit in the lock's ciphertext", class: "mac", tokenCalls: 1,
			locks: onFirst(flip(-20))},
		"mac-lock-tag": {description: "a flipped bit in the lock's tag", class: "mac", tokenCalls: 1,
			locks: onFirst(flip(-1))},
		"mac-lock-mlkem": {description: "a flipped bit in the ML-KEM ciphertext", class: "mac", tokenCalls: 1,
			suite: api.SuiteHybrid, locks: onFirst(flip(0))},
		"mac-lock-target": {description: "a lock with another target's name", class: "mac", tokenCalls: 1,
			locks: func(l []api.Lock) { l[0].Target = "set/other" }},
		"mac-lock-other-block": {description: "the lock of another block in the same context", class: "mac", tokenCalls: 1,
			block: func(b, o *api.Block) { b.Locks = o.Locks }},
		"mac-payload-other": {description: "the payload of another block in the same context", class: "mac", tokenCalls: 1,
			block: func(b, o *api.Block) { b.Payload = o.Payload }},
		"mac-key": {description: "another key pair under the same key ID", class: "mac", tokenCalls: 1,
			opener: func(v *vector) { v.KeyLabel = "bulla vector other key" }},
		"mac-cluster": {description: "a two-lock asked for by another cluster", class: "mac", tokenCalls: 1, lock: 1,
			opener: func(v *vector) { v.Cluster = "bulla vector other cluster" }},
		"mac-header": {description: "a flipped bit in age's header MAC", class: "mac", tokenCalls: 1,
			file: headerMAC},
		"mac-header-recovery": {description: "a flipped bit in age's header MAC, recovery key", class: "mac",
			path: pathRecovery, file: headerMAC},
		"mac-payload": {description: "a flipped bit in age's payload", class: "mac", tokenCalls: 1, file: flip(-1)},
		"mac-payload-nonce": {description: "a flipped bit in age's payload nonce", class: "mac", tokenCalls: 1,
			file: func(b []byte) []byte { b[bytes.Index(b, []byte("\n--- "))+50] ^= 1; return b }},
		"mac-payload-cut": {description: "age's payload without its last byte", class: "mac", tokenCalls: 1,
			file: func(b []byte) []byte { return b[:len(b)-1] }},
		"mac-payload-trailing": {description: "a byte after age's payload", class: "mac", tokenCalls: 1,
			file: func(b []byte) []byte { return append(b, 0) }},
		"mac-payload-recovery": {description: "a flipped bit in age's payload, recovery key", class: "mac",
			path: pathRecovery, file: flip(-1)},
		"mac-recovery-stanza": {description: "a flipped bit in the recovery stanza, seen through the header MAC",
			class: "mac", tokenCalls: 1, file: flip(700)},
	}
}
