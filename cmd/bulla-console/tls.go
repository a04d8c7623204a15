package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
)

// lookEvery is how often the files are looked at, at most.
const lookEvery = 10 * time.Second

// certificate is the console's, as its files have it now.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	current *tls.Certificate
	looked  time.Time
	written [2]time.Time
}

// openCertificate reads it once, so that a mistake is told at the start; nil for none.
func openCertificate(cert, key string) (*certificate, error) {
	if cert == "" {
		return nil, nil
	}
	c := &certificate{cert: cert, key: key}
	_, err := c.get(nil)
	if err != nil {
		return nil, fault.NewUsage("two PEM files: the certificate with its chain, and its private key",
			"read --tls-cert and --tls-key: %w", err)
	}
	return c, nil
}

// over has a listener speak TLS; without a certificate it speaks plain HTTP.
func (c *certificate) over(l net.Listener) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get,
		NextProtos: []string{"h2", "http/1.1"}})
}

// get is for [tls.Config]. Files that are half written, or do not match, leave the
// certificate of before.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && time.Since(c.looked) < lookEvery {
		return c.current, nil
	}
	c.looked = time.Now()
	var written [2]time.Time
	for i, file := range []string{c.cert, c.key} {
		if info, err := os.Stat(file); err == nil {
			written[i] = info.ModTime()
		}
	}
	if c.current != nil && written == c.written {
		return c.current, nil
	}
	read, err := tls.LoadX509KeyPair(c.cert, c.key)
	switch {
	case err == nil:
		c.current, c.written = &read, written
	case c.current == nil:
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return c.current, nil
}
