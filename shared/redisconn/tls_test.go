package redisconn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// authority is a certificate authority made for one test.
type authority struct {
	pem  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	cert := issue(t, template, template, key, key)
	return authority{pem: encodePEM("CERTIFICATE", cert.Raw), cert: cert, key: key}
}

// serverFiles writes a certificate for that IP address and its key, and
// returns their paths.
func (a authority) serverFiles(t *testing.T, ip string) (certPath, keyPath string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(ip)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key := newKey(t)
	cert := issue(t, template, a.cert, key, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return writeFile(t, dir, "server.crt", encodePEM("CERTIFICATE", cert.Raw)),
		writeFile(t, dir, "server.key", encodePEM("PRIVATE KEY", der))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t *testing.T, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tlsRedis starts a redis-server whose certificate names that IP address. It
// returns its encrypted port; the server's own Addr stays unencrypted, for the
// test's administration.
func tlsRedis(t *testing.T, ca authority, certifiedIP string, args ...string) (server *servers.RedisServer, port int) {
	t.Helper()
	certPath, keyPath := ca.serverFiles(t, certifiedIP)
	caPath := writeFile(t, t.TempDir(), "ca.crt", ca.pem)
	port = servers.FreePort(t)
	server = servers.Redis(t, append([]string{
		"--tls-port", strconv.Itoa(port), "--tls-cert-file", certPath, "--tls-key-file", keyPath,
		"--tls-ca-cert-file", caPath, "--tls-auth-clients", "no",
	}, args...)...)
	return server, port
}
