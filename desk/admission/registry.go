package admission

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// registries looks at each registry of a docker configuration as a kubelet reads it:
// without the helpers and the key ring of the machine where docker wrote it.
func registries(text []byte) []Problem {
	var config struct {
		Auths map[string]struct {
			Auth     string `json:"auth"`
			Password string `json:"password"`
		} `json:"auths"`
		Store   string            `json:"credsStore"`
		Helpers map[string]string `json:"credHelpers"`
	}
	field := "data." + corev1.DockerConfigJsonKey
	if json.Unmarshal(text, &config) != nil {
		return nil
	}
	// Names of registries are a part of the value too: none is told.
	for i, server := range slices.Sorted(maps.Keys(config.Auths)) {
		auth := config.Auths[server]
		decoded, err := base64.StdEncoding.DecodeString(auth.Auth)
		_, _, both := strings.Cut(string(decoded), ":")
		switch {
		case auth.Auth != "" && (err != nil || !both):
			p := problem(field, "auth of registry %d, by their names, is not base64 of USER:PASSWORD: "+
				"a kubelet reads none of them", i+1)
			p.Warning = true
			return []Problem{p}
		case auth.Auth == "" && auth.Password == "" && (config.Store != "" || len(config.Helpers) > 0):
			p := problem(field, "registry %d, by their names, has no password here: docker keeps it in its credential store, "+
				"which no kubelet has; give --docker-server, --docker-username and the password", i+1)
			p.Warning = true
			return []Problem{p}
		}
	}
	return nil
}
