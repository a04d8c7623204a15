package likely

import (
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
		got := In("apps/shop/a.yaml", []byte(text))
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
		if got := In("apps/shop/a.yaml", []byte(text)); len(got) > 0 {
			t.Errorf("%q: %v", text, got)
		}
	}
}
