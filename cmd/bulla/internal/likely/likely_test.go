package likely

import (
	"context"
	"strings"
	"testing"
)

func TestEveryRuleIsRead(t *testing.T) {
	for _, r := range all().rules {
		if r.pattern() == nil || len(r.Keywords) == 0 {
			t.Errorf("%s: it has no pattern, or no keyword", r.ID)
		}
		for _, word := range r.Keywords {
			if word != strings.ToLower(word) {
				t.Errorf("%s: keyword %q would never be found", r.ID, word)
			}
		}
		for _, a := range r.Allowlists {
			a.regexes()
			a.paths()
		}
	}
	if n := len(all().rules); n < 200 {
		t.Errorf("there are %d rules", n)
	}
}

func TestWhatLooksLikeASecretIsFoundWithItsPlace(t *testing.T) {
	// Put together here: what looks for secrets in this repository is right to look.
	aws, slack := "AKIA"+"QYLPMN5HHHFPZAM2", "xoxb-"+"1234567890123-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"
	random := "zaCELgL.0im" + "fnc8mVLWwsAawjYr4Rx-Af50DDqtlx"
	for text, want := range map[string]Find{
		"data:\n  id: " + aws + "\n":                                               {2, 7, "aws-access-token"},
		"env:\n- {name: TOKEN, value: \"" + slack + "\"}\n":                        {2, 25, "slack-bot-token"},
		"a: b\nclient_secret: \"" + random + "\"\n":                                {2, 17, "generic-api-key"},
		"key: " + "AGE-SECRET-KEY-" + "1" + strings.Repeat("QYQSZQGP", 7) + "QY\n": {1, 6, "age-secret-key"},
	} {
		got := New().In(t.Context(), "apps/shop/a.yaml", []byte(text)).Finds
		if len(got) != 1 || got[0].Rule != want.Rule || got[0].Line != want.Line || got[0].Column != want.Column {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{
		"env:\n- name: PASSWORD\n  valueFrom: {secretKeyRef: {name: shop-db, key: password}}\n",
		"secretName: shop-db-2026-11\nserviceAccountToken: {path: token, expirationSeconds: 3600}\n",
		"image: registry.example.com/shop@sha256:" + strings.Repeat("0a1b2c3d", 8) + "\n",
		"id: " + aws + " # gitleaks:allow\n",
		"\x00" + aws,
		"password: changeme\napi_key: ${API_KEY}\n",
	} {
		if got := New().In(t.Context(), "apps/shop/a.yaml", []byte(text)).Finds; len(got) > 0 {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestAStrangersTextCostsSoMuchAndNoMore: by what the rules read, as time is the machine's.
func TestAStrangersTextCostsSoMuchAndNoMore(t *testing.T) {
	const size, budget = 64 << 10, 1 << 20
	token := "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
	var words strings.Builder
	for _, r := range all().rules {
		words.WriteString(strings.Join(r.Keywords, " ") + "\n")
	}
	fill := func(text string) []byte { return []byte(strings.Repeat(text, size/len(text))) }
	for name, test := range map[string]struct {
		text []byte
		most int
		want func(Result) bool
	}{
		"all keywords": {fill(words.String()), budget, func(r Result) bool { return r.Cut }},
		"one line":     {fill(token + " "), 3 * size, func(r Result) bool { return r.Long == 1 && !r.Cut }},
		"many lines":   {fill(token + "\n"), 12 * size, func(r Result) bool { return r.More && len(r.Finds) == Most }},
		"allowed": {fill(strings.Repeat(token+" ", 300) + allowed + "\n"), budget, func(r Result) bool {
			return r.Cut && len(r.Finds) == 0
		}},
	} {
		s := &Search{left: budget}
		if got := s.In(t.Context(), "a.yaml", test.text); !test.want(got) || budget-s.left > test.most {
			t.Errorf("%s: %+v for %d", name, got, budget-s.left)
		}
	}
	s := &Search{left: 3 * size}
	if got := s.In(t.Context(), "a.yaml", fill(words.String())); !got.Cut || !s.Spent() {
		t.Errorf("%+v, %d are left", got, s.left)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := New().In(ctx, "a.yaml", []byte(token)); !got.Cut {
		t.Errorf("it was looked at: %+v", got)
	}
}
