package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/config"
)

const goodConfig = `fleet: 00112233445566778899aabbccddeeff
rootKey: hafen+65c4e5d8+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC1aO+XUZ1Pz5pzZ4HG4AaWRdTZ5GO/cbddc/EIVnOviFlEdAF0kXmnu/mAMfUo77oMAKkr3VRXDa1RSLtIF1N4=
repository:
  url: https://git.example.com/fleet.git
  passwordFile: git-password
token: {module: /usr/lib/softhsm/libsofthsm2.so, label: acme, pinFile: pin}
listen: 0.0.0.0:8443
serverNames: [config.example.com]
health: 127.0.0.1:9090
dataDir: data
`

var identityA, identityB = "sha256:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("b", 64)

func people(entries ...string) string { return "people:\n- " + strings.Join(entries, "\n- ") + "\n" }

// ofRepository is the good configuration with more of the repository.
func ofRepository(more string) string {
	return strings.Replace(goodConfig, "passwordFile", more+"\n  passwordFile", 1)
}

func load(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyservice.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file)
}

func TestAConfigurationHasDefaults(t *testing.T) {
	c, err := load(t, goodConfig)
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(c.Repository.MaxAge) != 72*time.Hour {
		t.Errorf("the greatest age of a look is %s, want 72h", time.Duration(c.Repository.MaxAge))
	}
	if c.Repository.Ref != "main" || time.Duration(c.Repository.Interval) != 15*time.Second || c.Token.Sessions != 4 ||
		time.Duration(c.CertificateTTL) != 24*time.Hour || c.URL != "https://config.example.com:8443" {
		t.Errorf("defaults: %+v", c)
	}
	if c.Renewal.URL != "" || time.Duration(c.Renewal.Grace) != 7*24*time.Hour || c.Limits.RequestBurst != 3000 || c.Limits.DigestBurst != 5000 || c.Limits.InFlight != 16 {
		t.Errorf("defaults: %+v, %+v", c.Renewal, c.Limits)
	}
	for _, path := range []string{c.Repository.PasswordFile, c.Token.PINFile, c.DataDir, c.Store} {
		if !filepath.IsAbs(path) {
			t.Errorf("%q is not beside the file", path)
		}
	}
}

// repository is goodConfig with settings of the repository, on lines of their own.
func repository(settings string) string {
	lines := "  " + strings.ReplaceAll(settings, ", ", "\n  ") + "\n"
	return strings.Replace(goodConfig, "  passwordFile: git-password\n", lines, 1)
}

func TestALookMayBeOfAnyAgeOnlyWhereThatIsSaid(t *testing.T) {
	for setting, want := range map[string]time.Duration{
		"ref: main":                   72 * time.Hour,
		"maxAge:":                     72 * time.Hour,
		"maxAge: 0":                   0,
		"maxAge: 0s":                  0,
		"maxAge: 5m":                  5 * time.Minute,
		"interval: 1h, maxAge: 2160h": 2160 * time.Hour,
	} {
		c, err := load(t, repository(setting))
		if err != nil {
			t.Errorf("%s: %v", setting, err)
			continue
		}
		if got := time.Duration(c.Repository.MaxAge); got != want {
			t.Errorf("%s: %s, want %s", setting, got, want)
		}
	}
}

func TestTheAgeOfALookHasBounds(t *testing.T) {
	for settings, want := range map[string]string{
		"maxAge: 1m":                 ":5:repository.maxAge: is not between 5m and 2160h",
		"interval: 10m, maxAge: 20m": ":6:repository.maxAge: is not between 50m and 2160h",
		"maxAge: 8760h":              ":5:repository.maxAge: is not between 5m and 2160h",
		"maxAge: -24h":               ":5:repository.maxAge: is not between 5m and 2160h",
		"maxAge: 72":                 ":5:repository.maxAge: is not a duration",
		"interval: 1ms":              ":5:repository.interval: is shorter than 1s",
	} {
		_, err := load(t, repository(settings))
		if problem := (*config.Error)(nil); !errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		} else if problem.Hint == "" && strings.Contains(want, "between") {
			t.Errorf("%s: no hint", settings)
		}
	}
}

func TestAConfigurationIsReadStrictly(t *testing.T) {
	for name, c := range map[string]struct {
		text, place, problem string
	}{
		"a floor of no key":           {goodConfig + "signing: {require: [clusters/], allowedSigners: [ada]}\n", ":11:signing.allowedSigners[0]", "no key"},
		"a repository in a folder":    {strings.Replace(goodConfig, "https://git.example.com", "file:///srv", 1), ":4:repository.url", "scheme is not http, https or ssh"},
		"a repository that is a path": {strings.Replace(goodConfig, "https://git.example.com", "/srv", 1), ":4:repository.url", "is not http://"},
		"a password over plain http":  {strings.Replace(goodConfig, "https://git.", "http://git.", 1), ":4:repository.url", "over plain http"},
		"a password in the service's URL": {goodConfig + "url: https://bot:hunter2@keys.example.com\n",
			":11:url", "is not https://HOST[:PORT]"},
		"a query in the service's URL": {goodConfig + "url: https://keys.example.com?a=b\n",
			":11:url", "is not https://HOST[:PORT]"},
		"a password in a repository URL":  {strings.Replace(goodConfig, "https://git.", "https://bot:hunter2@git.", 1), ":4:repository.url", "holds credentials"},
		"a tag and a range":               {ofRepository("tag: a\n  semver: 1.x"), ":5:repository.tag", "choose one"},
		"a range that is none":            {ofRepository("semver: newest"), ":5:repository.semver", "no range of versions"},
		"a ref that is a tag":             {ofRepository("ref: refs/tags/v1"), ":5:repository.ref", "is not a branch"},
		"a floor without a demand":        {goodConfig + "signing: {allowedSigners: [ada]}\n", ":11:signing.require", "demand nothing"},
		"a floor of a path outside":       {goodConfig + "signing: {require: [../clusters]}\n", ":11:signing.require[0]", "not a clean path"},
		"a database URL as a store":       {goodConfig + "store: postgres://u:p@db/bulla\n", ":11:store", "not the path of a file"},
		"a store beside a database":       {goodConfig + "store: a.db\ndatabase: {urlFile: url}\n", ":11:store", "beside a database"},
		"a token slower than a database":  {strings.Replace(goodConfig, "pinFile: pin", "pinFile: pin, deadline: 10s", 1) + "database: {urlFile: url}\n", ":6:token.deadline", "not shorter than 10s"},
		"a drain of an hour":              {goodConfig + "drain: 1h\n", ":11:drain", "between 0s and 5m"},
		"an unknown field":                {goodConfig + "signature: {}\n", ":11:signature", "unknown field"},
		"an unknown nested field":         {strings.Replace(goodConfig, "passwordFile", "password", 1), ":5:repository.password", "unknown field"},
		"a second document":               {goodConfig + "---\nlisten: 0.0.0.0:1\n", ":11", "has a second document"},
		"a field twice":                   {goodConfig + "listen: 0.0.0.0:1\n", ":11:listen", "stands twice"},
		"an anchor":                       {strings.Replace(goodConfig, "data\n", "&a data\n", 1), ":10:dataDir", "has an anchor"},
		"a duration without a unit":       {goodConfig + "certificateTTL: 24\n", ":11:certificateTTL", "is not a duration"},
		"a list that is one value":        {strings.Replace(goodConfig, "[config.example.com]", "a", 1), ":8:serverNames", "is not a list"},
		"a fleet id that is short":        {strings.Replace(goodConfig, "ddeeff", "", 1), ":1:fleet", "hexadecimal"},
		"a root key with a slip":          {strings.Replace(goodConfig, "rootKey: hafen+65c4e5d8", "rootKey: hafen+65c4e5d9", 1), ":2:rootKey", "is not a root verifier key"},
		"a port without an address":       {strings.Replace(goodConfig, "0.0.0.0:8443", "8443", 1), ":7:listen", "is not ADDRESS:PORT"},
		"no root key":                     {strings.Replace(goodConfig, "rootKey: hafen+65c4e5d8+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC1aO+XUZ1Pz5pzZ4HG4AaWRdTZ5GO/cbddc/EIVnOviFlEdAF0kXmnu/mAMfUo77oMAKkr3VRXDa1RSLtIF1N4=\n", "", 1), ":1:rootKey", "is missing"},
		"a module without a path":         {strings.Replace(goodConfig, "/usr/lib/softhsm/", "", 1), ":6:token.module", "absolute"},
		"a text that is a mapping":        {strings.Replace(goodConfig, "dataDir: data", "dataDir: {a: b}", 1), ":10:dataDir", "single value"},
		"a role that does not exist":      {goodConfig + people("{name: alice, identity: "+identityA+", roles: [operator, admin]}"), ":12:people[0].roles", `"admin" is not a role`},
		"a person without a role":         {goodConfig + people("{name: alice, identity: "+identityA+"}"), ":12:people[0].roles", "is missing"},
		"a person twice":                  {goodConfig + people("{name: alice, identity: "+identityA+", roles: [auditor]}", "{name: alice, identity: "+identityB+", roles: [auditor]}"), ":13:people[1].name", "stands twice"},
		"a key of two people":             {goodConfig + people("{name: alice, identity: "+identityA+", roles: [auditor]}", "{name: bob, identity: "+identityA+", roles: [auditor]}"), ":13:people[1].identity", "another person's"},
		"an identity that is short":       {goodConfig + people("{name: alice, identity: sha256:00, roles: [auditor]}"), ":12:people[0].identity", "64 hexadecimal"},
		"a person's name with a slash":    {goodConfig + people("{name: a/b, identity: "+identityA+", roles: [auditor]}"), ":12:people[0].name", "is not a name"},
		"an unknown field of a person":    {goodConfig + people("{name: alice, role: auditor}"), ":12:people[0].role", "unknown field"},
		"a role that is a list":           {goodConfig + people("{name: alice, identity: "+identityA+", roles: [[auditor]]}"), ":12:people[0].roles[0]", "single value"},
		"a year of reports after removal": {goodConfig + "reportAfterRemoval: 8760h\n", ":11:reportAfterRemoval", "is not between"},
		"stubs that nobody has time to review": {
			goodConfig + "stubs: {window: 1h}\n", ":11:stubs.window", "is shorter than 24h",
		},
		"less than no room for stubs": {
			goodConfig + "stubs: {inAll: -1}\n", ":11:stubs.inAll", "is not a number of bytes",
		},
		"a grace without a place for it":  {goodConfig + "renewal: {url: https://keys.example.com:8444}\n", ":11:renewal.listen", "is missing"},
		"a grace that is no short time":   {goodConfig + "renewal: {listen: 0.0.0.0:8444, grace: 9000h}\n", ":11:renewal.grace", "between 1h and 744h"},
		"a renewal url with a path":       {goodConfig + "renewal: {listen: 0.0.0.0:8444, url: https://keys.example.com/renew}\n", ":11:renewal.url", "is not https"},
		"a quota below one whole request": {goodConfig + "limits: {digestBurst: 100}\n", ":11:limits.digestBurst", "is not between 1000 and"},
		"a negative limit":                {goodConfig + "limits: {requestsPerSecond: -1}\n", ":11:limits.requestsPerSecond", "is not between 1 and"},
		"a limit of nothing":              {goodConfig + "limits: {requestBurst: 0}\n", ":11:limits.requestBurst", "is not between 1 and"},
		"a limit beyond the places":       {goodConfig + "limits: {strangersPerAddress: 9999}\n", ":11:limits.strangersPerAddress", "is not between 0 and"},
		"people that are a mapping":       {goodConfig + "people: {alice: auditor}\n", ":11:people", "is not a list"},
		"text that is not YAML":           {"\t:", ":1", "not YAML"},
		"nothing":                         {"", ":1", "is empty"},
		"a comment alone":                 {"# nothing\n", ":1", "is "},
		"an unfinished merge":             {"<<<<<<< HEAD\n" + goodConfig, ":1", "has a merge mark"},
		"text that shows as other text":   {goodConfig + "# \u202e\n", ":11", "has the bidirectional control U+202E"},
		"a carriage return":               {goodConfig + "drain: 1s\r\n", ":11", "has a carriage return"},
		"values without end":              {goodConfig + "signing: {require: [" + strings.Repeat("a,", 1<<16) + "]}\n", ":1", "values"},
		"lists in lists":                  {goodConfig + "signing: {require: " + strings.Repeat("[", 90) + strings.Repeat("]", 90) + "}\n", ":11", "nested deeper"},
		"what the library fails over":     {"#\u2028\n" + goodConfig, ":1", "line separator"},
		"a file of a megabyte":            {goodConfig + "#" + strings.Repeat("a", 1<<20), ":1", "the limit is"},
		"an element that is empty":        {goodConfig + "people:\n-\n- {name: bob, identity: 1, roles: [auditor]}\n", ":12:people[0]", "is empty"},
		"an explicit tag":                 {goodConfig + "drain: !!str 1s\n", ":11:drain", "explicit tag"},
		"an alias":                        {goodConfig + "store: &a b\nurl: *a\n", ":12:url", "is an alias"},
	} {
		_, err := load(t, c.text)
		var problem *config.Error
		if !errors.As(err, &problem) {
			t.Errorf("%s: %v, want a Error", name, err)
			continue
		}
		if !strings.Contains(err.Error(), c.place+": ") || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %q, want %q at %q", name, err, c.problem, c.place)
		}
		if strings.Contains(err.Error()+problem.Hint, "hunter2") {
			t.Errorf("%s: the error repeats the password", name)
		}
	}
}

// TestAllMistakesOfAConfigurationAreToldAtOnce: one after the other takes a start of
// the service each.
func TestAllMistakesOfAConfigurationAreToldAtOnce(t *testing.T) {
	text := strings.NewReplacer("ddeeff\n", "\n", "0.0.0.0:8443", "8443", "passwordFile", "password", "https://git.", "ftp://git.").Replace(goodConfig) +
		"drain: 1h\ncertificateTTL: soon\nlimits: {digestBurst: 1, requestBurst: 0}\nrenewal: {listen: 1}\ntoken: {}\n" +
		people("{name: a/b, identity: "+identityA+", roles: [king]}", "[]", "{name: bob, identity: sha256:0, roles: [auditor]}") +
		"signing: {allowedSigners: [ada, bob], require: [../x]}\n"
	_, err := load(t, text)
	if err == nil {
		t.Fatal("it is taken")
	}
	var got []string
	for _, line := range strings.Split(err.Error(), "\n") {
		_, place, _ := strings.Cut(line, "keyservice.yaml:")
		place, _, _ = strings.Cut(place, ": ")
		got = append(got, place)
	}
	want := []string{
		"1:fleet", "4:repository.url", "5:repository.password", "7:listen", "11:drain", "12:certificateTTL",
		"13:limits.requestBurst", "13:limits.digestBurst", "14:renewal.listen", "15:token",
		"17:people[0].name", "17:people[0].roles", "18:people[1]", "19:people[2].identity", "20:signing.require[0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %q", err, want)
	}
}

func TestMistakesOfAConfigurationAreBounded(t *testing.T) {
	_, err := load(t, goodConfig+people(strings.Split(strings.Repeat("{name: a/b},", 500), ",")[:500]...))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 21 || !strings.HasSuffix(lines[20], "mistakes more") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

const goodURI = "pkcs11:token=acme;serial=0123?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/bulla/pin"

// withToken is goodConfig with another token section.
func withToken(token string) string {
	const old = "token: {module: /usr/lib/softhsm/libsofthsm2.so, label: acme, pinFile: pin}"
	return strings.Replace(goodConfig, old, "token: "+token, 1)
}

func TestATokenURIIsTheOtherWayToNameTheToken(t *testing.T) {
	for name, token := range map[string]string{
		"all in the URI":       `{uri: "` + goodURI + `"}`,
		"the module beside it": `{uri: "pkcs11:token=acme;serial=0123?pin-source=/etc/bulla/pin", module: /usr/lib/softhsm/libsofthsm2.so}`,
		"the PIN beside it":    `{uri: "pkcs11:serial=0123;token=acme?module-path=/usr/lib/softhsm/libsofthsm2.so", pinFile: /etc/bulla/pin}`,
	} {
		c, err := load(t, withToken(token))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := c.Token.HSM(c.Fleet, "1234")
		if got.Module != "/usr/lib/softhsm/libsofthsm2.so" || got.TokenLabel != "acme" || got.Serial != "0123" || c.Token.PINFile != "/etc/bulla/pin" {
			t.Errorf("%s: %s, PIN in %s", name, got, c.Token.PINFile)
		}
	}
}

func TestATokenThatIsNamedTwiceIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ token, problem string }{
		"the label twice":     {`{uri: "` + goodURI + `", label: acme}`, "token stands beside a label of its own"},
		"the module twice":    {`{uri: "` + goodURI + `", module: /usr/lib/softhsm/libsofthsm2.so}`, "module-path stands beside a module of its own"},
		"the PIN file twice":  {`{uri: "` + goodURI + `", pinFile: pin}`, "pin-source stands beside a PIN file of its own"},
		"no module at all":    {`{uri: "pkcs11:token=acme"}`, "is missing"},
		"a PIN in the URI":    {`{uri: "pkcs11:token=acme?pin-value=8642"}`, "pin-value puts the PIN where it is kept and shown"},
		"a PIN that runs":     {`{uri: "pkcs11:token=acme?pin-source=|/bin/pin"}`, "pin-source is neither"},
		"not a URI":           {`{uri: acme}`, "does not begin with pkcs11:"},
		"a slot":              {`{uri: "pkcs11:token=acme;slot-id=3"}`, "renumbered"},
		"an unexported field": {`{serial: "0123"}`, "unknown field"},
	} {
		_, err := load(t, withToken(c.token))
		var problem *config.Error
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), ":6:token") || !strings.Contains(problem.Problem, c.problem) {
			t.Errorf("%s: %v, want %q at line 6", name, err, c.problem)
		}
		if err != nil && strings.Contains(err.Error()+problem.Hint, "8642") {
			t.Errorf("%s: the error repeats the PIN", name)
		}
	}
}

func TestPathsBesideAFileWithARelativeNameAreAbsolute(t *testing.T) {
	parent := t.TempDir()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(filepath.Join(parent, "keyservice.yaml"), []byte(goodConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, filepath.Join(parent, "keyservice.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(relative)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(parent, "data"); c.DataDir != want {
		t.Errorf("from %q: data in %q, want %q", relative, c.DataDir, want)
	}
}

func TestTheGraceOfARefusedTipHasBounds(t *testing.T) {
	for setting, want := range map[string]time.Duration{"ref: main": 10 * time.Minute, "refusedGrace: 0": 0, "refusedGrace: 1h": time.Hour} {
		c, err := load(t, repository(setting))
		if err != nil || time.Duration(c.Repository.RefusedGrace) != want {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
	for setting, want := range map[string]string{
		"refusedGrace: 10s":   ":5:repository.refusedGrace: is not between 1m and 2160h",
		"refusedGrace: -1h":   ":5:repository.refusedGrace: is not between 1m and 2160h",
		"refusedGrace: 8760h": ":5:repository.refusedGrace: is not between 1m and 2160h",
	} {
		_, err := load(t, repository(setting))
		if problem := (*config.Error)(nil); !errors.As(err, &problem) || !strings.Contains(err.Error(), want) || problem.Hint == "" {
			t.Errorf("%s: %v, want %q and a hint", setting, err, want)
		}
	}
}
