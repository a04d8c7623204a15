package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/desk/forge"
)

// accounts are people's own at the forge, and the place of the repository there; nil where
// no forge was named.
func (a asked) accounts(at, repository string) (*forgelogin.Forge, forge.Place, error) {
	if a.kind == "" {
		if a.url != "" || a.clientID != "" || a.secretFile != "" || a.caFile != "" {
			return nil, forge.Place{}, fault.NewUsage("--forge says which kind it is", "--forge is missing")
		}
		return nil, forge.Place{}, nil
	}
	hidden, err := secret("forge-client-secret-file", a.secretFile)
	if err != nil {
		return nil, forge.Place{}, err
	}
	over, err := a.over()
	if err != nil {
		return nil, forge.Place{}, err
	}
	all, err := forgelogin.New(forgelogin.Config{Kind: a.kind, URL: a.url, ClientID: a.clientID,
		ClientSecret: string(hidden), Callback: at + console.ForgeCallback, CAFile: a.caFile, Client: over})
	if err != nil {
		return nil, forge.Place{}, err
	}
	place, err := all.Place(repository)
	return all, place, err
}

// over reaches the forge; nil by the system's authorities.
func (a asked) over() (*http.Client, error) {
	if a.caFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(a.caFile)
	if err != nil {
		return nil, fault.NewUsage("it names a PEM file", "read --forge-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fault.NewUsage("it names a PEM file", "read --forge-ca: it has no certificate")
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}, nil
}
