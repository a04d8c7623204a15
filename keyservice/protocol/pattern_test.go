package protocol_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func TestAPatternIsANameWithOneStar(t *testing.T) {
	for _, good := range []protocol.Pattern{"prod-eu", "shop-*", "shop-*-eu", "s*", "1-*9"} {
		if err := good.Check(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, says := range map[protocol.Pattern]string{
		"": "not a name", "Shop": "not a name", "*": "any name", "*-eu": "any name", "shop-*-*": "more than one",
		"shop_*": "not the pattern", "-shop-*": "not the pattern", "shop-*-": "not the pattern", "shop-?": "not a name",
		"shop-[0-9]*": "not the pattern", "shop *": "not the pattern", "shop.*": "not the pattern",
		protocol.Pattern(strings.Repeat("s", 63) + "*"): "not the pattern",
	} {
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", bad, err, says)
		}
	}
}

func TestAPatternAdmitsNamesOnly(t *testing.T) {
	for _, c := range []struct {
		pattern protocol.Pattern
		name    string
		want    bool
	}{
		{"prod-eu", "prod-eu", true}, {"prod-eu", "prod-us", false}, {"prod-eu", "", false},
		{"shop-*", "shop-1", true}, {"shop-*", "shop-", false}, {"shop-*", "shop", false}, {"shop-*", "workshop-1", false},
		{"shop-*", "shop-A", false}, {"shop-*", "shop-1-", false}, {"shop-*", "shop-*", false},
		{"shop-*", "shop-" + strings.Repeat("1", 59), false},
		{"shop-*-eu", "shop-1-eu", true}, {"shop-*-eu", "shop-eu", false}, {"shop-*-eu", "shop--eu", false},
		{"aa*a", "aaa", false},
	} {
		if got := c.pattern.Admits(c.name); got != c.want {
			t.Errorf("%q admits %q: %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}
