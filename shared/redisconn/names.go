package redisconn

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// The checks below judge single values before anything connects. Their errors
// read on from the name of a variable: "is …: what to do". They repeat no value,
// which may have a password in it.

// instancePattern is a resource name as the admin API takes it
// (https://docs.cloud.google.com/memorystore/docs/valkey/reference/rest).
var instancePattern = regexp.MustCompile(
	`^(projects/[a-z0-9][a-z0-9:.-]*/locations/[a-z0-9-]+)/instances/[a-z0-9][a-z0-9-]{0,62}$`)

// hostPattern is a host name, with the underscore that container networks use.
var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$`)

// CheckInstance judges the full name of a Memorystore for Valkey instance.
func CheckInstance(name string) error {
	if !instancePattern.MatchString(name) {
		return errors.New("is not the name of an instance: write it as projects/PROJECT/locations/REGION/instances/INSTANCE")
	}
	return nil
}

// CheckAddresses judges one host:port, or several separated by commas.
func CheckAddresses(list string) error {
	addresses := splitAddresses(list)
	for i, address := range addresses {
		if isHostPort(address) {
			continue
		}
		which := ""
		if len(addresses) > 1 {
			which = fmt.Sprintf(" (address %d of %d)", i+1, len(addresses))
		}
		return fmt.Errorf("is not host:port%s: write it like redis.internal:6379; a cluster's addresses are separated by commas", which)
	}
	return nil
}

func splitAddresses(list string) []string {
	addresses := strings.Split(list, ",")
	for i := range addresses {
		addresses[i] = strings.TrimSpace(addresses[i])
	}
	return addresses
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	_, notIP := netip.ParseAddr(host)
	return err == nil && number > 0 && (notIP == nil || hostPattern.MatchString(host))
}

// CheckCA judges PEM certificates of certificate authorities.
func CheckCA(pems string) error {
	_, err := rootCAs(pems)
	return err
}

// rootCAs is strict where the standard library is lenient: a block that is no
// certificate, such as a key that was pasted beside it, is refused instead of
// passed over.
func rootCAs(pems ...string) (*x509.CertPool, error) {
	const remedy = "give certificates in PEM alone, each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
	pool := x509.NewCertPool()
	for _, text := range pems {
		rest := bytes.TrimSpace([]byte(text))
		for first := true; first || len(rest) > 0; first = false {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return nil, errors.New("is not valid PEM: " + remedy)
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil || block.Type != "CERTIFICATE" {
				return nil, errors.New("has a block that is no certificate: " + remedy)
			}
			pool.AddCert(certificate)
			rest = bytes.TrimSpace(rest)
		}
	}
	return pool, nil
}
