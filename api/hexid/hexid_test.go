package hexid_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/hexid"
)

func TestWhatIsAnIDACommitAndADigest(t *testing.T) {
	digits := func(n int) string { return strings.Repeat("0123456789abcdef", n/16) + strings.Repeat("a", n%16) }
	const fleet, sha1, commit, digest = "fleet", "sha1", "commit", "digest"
	for text, is := range map[string][]string{
		digits(32):                              {fleet},
		digits(40):                              {sha1, commit},
		digits(64):                              {commit},
		"sha256:" + digits(64):                  {digest},
		"":                                      nil,
		digits(31):                              nil,
		digits(33):                              nil,
		digits(39):                              nil,
		digits(41):                              nil,
		digits(63):                              nil,
		strings.ToUpper(digits(32)):             nil,
		strings.ToUpper(digits(40)):             nil,
		"sha256:" + strings.ToUpper(digits(64)): nil,
		"sha256:" + digits(63):                  nil,
		"sha512:" + digits(64):                  nil,
		" " + digits(39):                        nil,
		digits(39) + "\n":                       nil,
		digits(40) + "\n":                       nil,
		digits(20) + "g" + digits(19):           nil,
		"sha256:" + digits(32) + "/" + digits(31):    nil,
		strings.Repeat("\xff", 40):                   nil,
		"sha256:" + digits(64) + "\n":                nil,
		"sha256:sha256:" + digits(64-len("sha256:")): nil,
	} {
		for kind, ok := range map[string]bool{
			fleet: hexid.IsFleet(text), sha1: hexid.IsSHA1Commit(text), commit: hexid.IsCommit(text),
			digest: hexid.IsDigest(text),
		} {
			if want := strings.Contains(" "+strings.Join(is, " ")+" ", " "+kind+" "); ok != want {
				t.Errorf("%q is a %s: %v, want %v", text, kind, ok, want)
			}
		}
	}
}

func TestADigestIsOne(t *testing.T) {
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := hexid.Digest(nil); got != empty || !hexid.IsDigest(got) {
		t.Errorf("digest of nothing is %q, want %q", got, empty)
	}
}
