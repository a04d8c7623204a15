package admission

import (
	"bytes"
	"regexp"
)

// marker is how a tool marks the place of a value that it would fill in.
type marker struct {
	tool    string
	pattern *regexp.Regexp
	// sure: no value of anybody's own looks like this.
	sure bool
}

var markers = []marker{
	{"argocd-vault-plugin", regexp.MustCompile(`^<(path|vault|secret):[^<>\n]+>$`), true},
	{"SOPS", regexp.MustCompile(`^ENC\[AES256_GCM,`), true},
	{"Sealed Secrets", regexp.MustCompile(`^AgA[A-Za-z0-9+/]{300,}={0,2}$`), true},
	{"git-crypt", regexp.MustCompile(`^\x00GITCRYPT\x00`), true},
	{"Ansible Vault", regexp.MustCompile(`^\$ANSIBLE_VAULT;`), true},
	{"Git LFS", regexp.MustCompile(`^version https://git-lfs\.github\.com/spec/`), true},
	{"vals", regexp.MustCompile(`^(secret)?ref\+[a-z0-9]+:\S+$`), true},
	{
		"the Vault webhook (bank-vaults)",
		regexp.MustCompile(`^(>>)?vault:([A-Za-z0-9_./-]+#\S+|[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+)$`), true,
	},
	{"AWS KMS", regexp.MustCompile(`^AQICAH[A-Za-z0-9+/]{100,}={0,2}$`), true},
	{"berglas", regexp.MustCompile(`^(berglas|sm)://[^/\s]+/\S+$`), true},
	{"Spring Cloud Config", regexp.MustCompile(`^\{cipher\}\S+$`), true},
	{"age or gpg", regexp.MustCompile(`^-----BEGIN (AGE ENCRYPTED FILE|PGP MESSAGE)-----`), false},
	{"1Password", regexp.MustCompile(`^op://[^/\n]+/[^/\n]+/[^\n]+$`), true},
	{
		"a shell or envsubst",
		regexp.MustCompile(`^\$(\{[A-Za-z_][A-Za-z0-9_.]*(:?[-=?+][^{}\n]*)?\}|\([A-Za-z_][A-Za-z0-9_]*\))$`), false,
	},
	{"a shell or envsubst", regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]{2,}$`), false},
	{"a template", regexp.MustCompile(`^(\{\{.+\}\}|<%=?.+%>|@@?[A-Z][A-Z0-9_]+@@?|%%[^%\n]+%%|#\{.+\}#?)$`), false},
	{
		"documentation",
		regexp.MustCompile(
			`(?i)^(<(your|my|insert|replace)[^<>\n]*>|changeme|change-me|change_me|replaceme|replace-me|replace_me|` +
				`todo|xxx+|redacted|\*\*\*+)$`), false,
	},
}

// placeholder names the tool whose placeholder a value looks like, also when the
// value is base64 of one.
func placeholder(value []byte) (tool string, sure bool) {
	texts := [][]byte{bytes.TrimSpace(value)}
	if decoded, ok := decode(value); ok {
		texts = append(texts, decoded)
	}
	for _, text := range texts {
		for _, m := range markers {
			if m.pattern.Match(text) {
				return m.tool, m.sure
			}
		}
	}
	return "", false
}
