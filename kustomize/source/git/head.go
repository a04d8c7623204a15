package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

const (
	headFile = "head"
	noHead   = "-"
)

// readHead reads "COMMIT FOLDER\n". Both are empty before the first fetch.
func readHead(dir string) (head, store string, err error) {
	data, err := os.ReadFile(filepath.Join(dir, headFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	head, store, _ = strings.Cut(strings.TrimSuffix(string(data), "\n"), " ")
	_, ok := tree.ParseHash(head)
	if head == noHead {
		head, ok = "", true
	}
	if !ok || !strings.HasPrefix(store, objectsPrefix) || strings.ContainsAny(store, `/\`) {
		// Starting without a head would accept any history.
		return "", "",
			fmt.Errorf("%s is damaged: restore it, or remove it to accept the remote's history", filepath.Join(dir, headFile))
	}
	return head, store, nil
}

// writeHead replaces the file whole, so that a crash leaves the old or the new.
func writeHead(dir, head string, store *objects) error {
	if head == "" {
		head = noHead
	}
	return atomicfile.Write(filepath.Join(dir, headFile), fmt.Appendf(nil, "%s %s\n", head, filepath.Base(store.path)),
		0o600)
}
