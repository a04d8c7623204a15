// Package recovery opens what a fleet sealed with an offline recovery key: no
// HSM, no key service, no cluster.
//
// Two things can be done with it. A stub's values can be read ([Open]), and a
// fleet whose HSM is lost can be locked to a new one ([Job]). Both recompute
// what a payload must be bound to from where Git places the stub, and refuse a
// payload that was moved: otherwise whoever may write to one corner of the
// repository could copy a payload there and have it opened, or locked to their
// own clusters, by the one person who can.
package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/api/manual"
)

// maxIdentityFile bounds an identity file, in bytes; a key is 2,000 at most.
const maxIdentityFile = 1 << 20

// Source reads identity files.
type Source struct {
	Stdin io.Reader
	// Passphrase asks for the passphrase of an encrypted identity file.
	Passphrase func(file string) (string, error)
	// Warn prints a warning.
	Warn func(format string, args ...any)
}

// Identities reads recovery keys: files as age-keygen -pq writes them, also
// encrypted with a passphrase; "-" is standard input. No error holds a line of
// them.
func (s *Source) Identities(paths []string) ([]age.Identity, error) {
	var all []age.Identity
	for _, path := range paths {
		data, err := s.read(path)
		if err != nil {
			return nil, fault.New(files.Hint(err,
				"--identity takes the file that `age-keygen -pq -o FILE` wrote, or - for standard input"), "read identity: %w", err)
		}
		ids, err := s.parse(path, data)
		clear(data)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
	}
	return all, nil
}

func (s *Source) read(path string) ([]byte, error) {
	from := s.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			s.Warn("%s can be read by others on this machine: chmod 600", path)
		}
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, maxIdentityFile+1))
	if err == nil && len(data) > maxIdentityFile {
		err = fault.New("name the file of the recovery key, as age-keygen wrote it",
			"%s has more than %d bytes", path, maxIdentityFile)
	}
	return data, err
}

func (s *Source) parse(path string, data []byte) ([]age.Identity, error) {
	plain := io.Reader(bytes.NewReader(data))
	switch {
	case bytes.HasPrefix(data, []byte(armor.Header)):
		decrypted, err := s.decrypt(path, armor.NewReader(plain))
		if err != nil {
			return nil, err
		}
		plain = decrypted
	case bytes.HasPrefix(data, []byte("age-encryption.org/")):
		decrypted, err := s.decrypt(path, plain)
		if err != nil {
			return nil, err
		}
		plain = decrypted
	case strings.Contains(string(data), "AGE-PLUGIN-"):
		return nil, fault.New("open the payload with the stock age command and its plugin: "+
			manual.At+"how-to/leave.md#open-one-value",
			"%s is a key of an age plugin, which this command does not run", path)
	}
	ids, err := age.ParseIdentities(plain)
	if err != nil {
		// age's text may quote the line.
		return nil, fault.New("it holds lines that begin with AGE-SECRET-KEY-PQ-1 or AGE-SECRET-KEY-1",
			"%s is no age identity file", path)
	}
	return ids, nil
}

func (s *Source) decrypt(path string, file io.Reader) (io.Reader, error) {
	passphrase, err := s.Passphrase(path)
	if err != nil {
		return nil, fmt.Errorf("read passphrase of %s: %w", path, err)
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("read passphrase of %s: %w", path, err)
	}
	plain, err := age.Decrypt(file, id)
	if match := new(age.NoIdentityMatchError); errors.As(err, &match) {
		return nil, fault.New("only identity files under a passphrase can be read (age -p)",
			"the passphrase does not open %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open identity file %s: %w", path, err)
	}
	return plain, nil
}
