package fleetsync

import (
	"context"
	"crypto/sha256"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// auth reads the credentials, and the way to the repository, under the names that Flux
// gives them.
func (r *remote) auth(ctx context.Context, obj *v1alpha1.FleetSync) (git.Auth, error) {
	auth := git.Auth{InsecureHTTP: r.Git.AllowHTTP}
	if ref := obj.Spec.SecretRef; ref != nil {
		data, err := r.secret(ctx, "secretRef", ref.Name)
		if err != nil {
			return auth, err
		}
		auth.Username, auth.Password = string(data["username"]), string(data["password"])
		auth.SSHKey, auth.KnownHosts = data["identity"], data["known_hosts"]
		auth.CAFile = data["caFile"]
		if len(auth.CAFile) == 0 {
			auth.CAFile = data["ca.crt"]
		}
		if auth.Username == "" && len(auth.SSHKey) == 0 && len(auth.CAFile) == 0 {
			return auth, loop.Stalled(v1alpha1.GitOperationFailedReason,
				"the secret %q of spec.secretRef has none of username and password, identity and known_hosts, caFile", ref.Name)
		}
	}
	if ref := obj.Spec.ProxySecretRef; ref != nil {
		data, err := r.secret(ctx, "proxySecretRef", ref.Name)
		if err != nil {
			return auth, err
		}
		auth.Proxy = git.Proxy{Address: string(data["address"]), Username: string(data["username"]),
			Password: string(data["password"])}
		// Without it the environment's way would be taken, or none.
		if auth.Proxy.Address == "" {
			return auth, loop.Stalled(v1alpha1.GitOperationFailedReason,
				"the secret %q of spec.proxySecretRef has no address", ref.Name)
		}
	}
	return auth, nil
}

// secret reads what a field of the spec names.
func (r *remote) secret(ctx context.Context, field, name string) (map[string][]byte, error) {
	secret := &corev1.Secret{}
	err := r.Client.Get(mask.Silent(ctx), client.ObjectKey{Namespace: r.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		return nil, loop.Waiting(v1alpha1.GitOperationFailedReason, "the secret %q of spec.%s does not exist", name, field)
	}
	if err != nil {
		return nil, fmt.Errorf("read git credentials: %w", err)
	}
	return secret.Data, nil
}

// digestOf tells one set of credentials from another, in memory only.
func digestOf(a git.Auth) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(a.Username), []byte(a.Password), a.SSHKey, a.KnownHosts, a.CAFile,
		[]byte(a.Proxy.Address), []byte(a.Proxy.Username), []byte(a.Proxy.Password)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return [32]byte(h.Sum(nil))
}
