package protocol

import (
	"crypto/x509"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
)

// people is the first element of the path in a person's URI. A cluster's path
// has one element, so neither form can be read as the other, whatever a cluster
// or a person is called.
const people = "/people/"

var (
	clusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	personName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
)

// IsPersonName reports whether a name can stand in a certificate: lower-case
// letters, digits, '.', '_' and '-', at most 63, no punctuation at the ends.
func IsPersonName(name string) bool { return personName.MatchString(name) }

// ClusterURI is the subject alternative name of a cluster's certificate.
func ClusterURI(fleet, cluster string) *url.URL {
	return &url.URL{Scheme: "bulla", Host: fleet, Path: "/" + cluster}
}

// PersonURI is the subject alternative name of a person's certificate.
func PersonURI(fleet, name string) *url.URL {
	return &url.URL{Scheme: "bulla", Host: fleet, Path: people + name}
}

// ParseClusterURI returns the fleet and the cluster that a client certificate
// names. A certificate with any other name beside it is refused, so that no two
// readers can pick different ones.
func ParseClusterURI(certificate *x509.Certificate) (fleet, cluster string, err error) {
	u := onlyURI(certificate)
	if u == nil {
		return "", "", errors.New("read client certificate: it does not name exactly one cluster")
	}
	fleet, cluster = u.Host, strings.TrimPrefix(u.Path, "/")
	if !hexid.IsFleet(fleet) || !clusterName.MatchString(cluster) || u.String() != ClusterURI(fleet, cluster).String() {
		return "", "", errors.New("read client certificate: its name is not bulla://FLEET/CLUSTER")
	}
	return fleet, cluster, nil
}

// ParsePersonURI returns the fleet and the person that a client certificate
// names. Like [ParseClusterURI] it refuses a certificate with any other name
// beside it, and one that could be anything but a client's.
func ParsePersonURI(certificate *x509.Certificate) (fleet, name string, err error) {
	u := onlyURI(certificate)
	if u == nil {
		return "", "", errors.New("read client certificate: it does not name exactly one person")
	}
	fleet = u.Host
	name, ok := strings.CutPrefix(u.Path, people)
	if !ok || !hexid.IsFleet(fleet) || !IsPersonName(name) || u.String() != PersonURI(fleet, name).String() {
		return "", "", errors.New("read client certificate: its name is not bulla://FLEET/people/NAME")
	}
	if certificate.IsCA || len(certificate.ExtKeyUsage) != 1 || certificate.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		return "", "", errors.New("read client certificate: it is for more than a client")
	}
	return fleet, name, nil
}

// onlyURI is the one name of a certificate; nil when it has another, or none.
func onlyURI(certificate *x509.Certificate) *url.URL {
	others := len(certificate.DNSNames) + len(certificate.EmailAddresses) + len(certificate.IPAddresses)
	if len(certificate.URIs) != 1 || others != 0 {
		return nil
	}
	return certificate.URIs[0]
}
