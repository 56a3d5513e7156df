package licensejwt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// pinnedCase is a case of the vectors by its name.
func pinnedCase(t *testing.T, name string) (vectors, vector) {
	t.Helper()
	v := readVectors(t, "pinned.json")
	at := slices.IndexFunc(v.Cases, func(c vector) bool { return c.Name == name })
	if at < 0 {
		t.Fatalf("the vectors have no case %q", name)
	}
	return v, v.Cases[at]
}

// TestEveryChangedByteOfADelegationsTokenIsNoticed, by both ways to verify it.
func TestEveryChangedByteOfADelegationsTokenIsNoticed(t *testing.T) {
	v, c := pinnedCase(t, "a delegation of the root")
	keys, roots := v.parsed(t, c)
	now := time.Unix(c.Now, 0)
	for at := range len(c.Token) {
		for i, b := range []byte("AQgwBRhx019-_=. \n\x00\xff") {
			if b == c.Token[at] || i%4 != at%4 {
				continue
			}
			changed := c.Token[:at] + string([]byte{b}) + c.Token[at+1:]
			if _, err := roots.Verify(changed, keys, now, 0, c.Issuer, c.Audience); err == nil {
				t.Fatalf("byte %d (%q) may be %q", at, c.Token[at], b)
			}
			if _, err := licensejwt.Verify(changed, keys, now, 0, c.Issuer, c.Audience); err == nil {
				t.Fatalf("byte %d (%q) may be %q for who has the key set", at, c.Token[at], b)
			}
		}
	}
}

// TestEveryChangedByteOfACertificateIsNoticed: what the root signed is all of it.
func TestEveryChangedByteOfACertificateIsNoticed(t *testing.T) {
	v, c := pinnedCase(t, "a delegation of the root")
	keys, roots := v.parsed(t, c)
	at := slices.IndexFunc(keys.Keys, func(k jose.JSONWebKey) bool { return len(k.Certificates) == 1 })
	genuine := keys.Keys[at].Certificates[0]
	read := 0
	for i := range genuine.Raw {
		der := slices.Clone(genuine.Raw)
		der[i] ^= 1
		changed, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		read++
		keys.Keys[at].Certificates = []*x509.Certificate{changed}
		if _, err := roots.Verify(c.Token, keys, time.Unix(c.Now, 0), 0, c.Issuer, c.Audience); !errors.Is(err, licensejwt.ErrInvalid) {
			t.Fatalf("byte %d may be changed: %v", i, err)
		}
	}
	if read < len(genuine.Raw)/2 {
		t.Errorf("only %d changed certificates could be read", read)
	}
}

// TestACertificateOfAnotherKeyIsNoticed also in a set that was not read from JSON,
// in which go-jose notices it first.
func TestACertificateOfAnotherKeyIsNoticed(t *testing.T) {
	v, c := pinnedCase(t, "a certificate of another key")
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(v.KeySets[c.KeySet], &set); err != nil {
		t.Fatal(err)
	}
	chain := set.Keys[0]["x5c"].([]any)
	delete(set.Keys[0], "x5c")
	der, err := base64.StdEncoding.DecodeString(chain[0].(string))
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	v.KeySets[c.KeySet], _ = json.Marshal(set)
	keys, roots := v.parsed(t, c)
	keys.Keys[0].Certificates = []*x509.Certificate{other}
	_, err = roots.Verify(c.Token, keys, time.Unix(c.Now, 0), 0, c.Issuer, c.Audience)
	if !errors.Is(err, licensejwt.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// TestNoRootAcceptsNoToken: the zero value is not a verifier that trusts everybody.
func TestNoRootAcceptsNoToken(t *testing.T) {
	for _, name := range []string{"a delegation of the root", "the root itself, which the set lists"} {
		v, c := pinnedCase(t, name)
		keys, _ := v.parsed(t, c)
		_, err := licensejwt.Roots{}.Verify(c.Token, keys, time.Unix(c.Now, 0), 0, c.Issuer, c.Audience)
		if !errors.Is(err, licensejwt.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParseRoots(t *testing.T) {
	one, two := publicPEM(t, &ours().PublicKey), publicPEM(t, &theirs().PublicKey)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(ours())
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []string{one, one + two, "Our root:\n" + one, one + "\n\n" + two + "\n"} {
		if _, err := licensejwt.ParseRoots([]byte(good)); err != nil {
			t.Errorf("%v\n%s", err, good)
		}
	}
	for what, bad := range map[string]string{
		"nothing":          "",
		"no PEM":           "root",
		"a damaged first":  strings.Replace(one, "\nM", "\n!", 1) + two,
		"a damaged second": one + two[:len(two)-10],
		"an EC key":        publicPEM(t, &ec.PublicKey),
		"a short key":      publicPEM(t, &generate(1024)().PublicKey),
		"a long key":       publicPEM(t, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(3), 9000), E: 65537}),
		"a private key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"another type":     strings.ReplaceAll(one, "PUBLIC KEY", "CERTIFICATE"),
		"no key inside":    string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})),
	} {
		if _, err := licensejwt.ParseRoots([]byte(bad)); err == nil {
			t.Errorf("%s was taken for roots", what)
		}
	}
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestParseKeySet(t *testing.T) {
	good, err := json.Marshal(signingKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{
		`{}`, `null`, `"x"`, `7`, `[]`, `{"kid":7}`, `{"kid":"x","kty":"RSA"}`, `{"kid":"x","kty":"LATER"}`,
		`{"kid":"x","kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, `{"kid":"x","kid":"y"}`,
	} {
		set, err := licensejwt.ParseKeySet([]byte(`{"keys":[` + entry + `,` + string(good) + `]}`))
		if err != nil {
			t.Errorf("%s: %v", entry, err)
			continue
		}
		if _, err := verify(sign(t, ours(), goodHeader(), goodClaims()), set); err != nil {
			t.Errorf("beside %s: %v", entry, err)
		}
	}
	for _, bad := range []string{``, `{}`, `null`, `[]`, `{"keys":null}`, `{"keys":{}}`, `{"keys":[]`, `{"keys":[],"keys":[]}`, `<html>`} {
		if _, err := licensejwt.ParseKeySet([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a key set", bad)
		}
	}
	if set, err := licensejwt.ParseKeySet([]byte(`{"keys":[]}`)); err != nil || len(set.Keys) != 0 {
		t.Errorf("no keys: %v, %v", set, err)
	}
}

// TestVerifiesWithoutNetwork: there is no HTTP client in it, and no address that a
// token or a key set names is dialled.
func TestVerifiesWithoutNetwork(t *testing.T) {
	linked, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(linked)), "net/http") {
		t.Error("net/http is linked")
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dialled := make(chan struct{})
	go func() {
		defer close(dialled)
		if c, err := listener.Accept(); err == nil {
			t.Errorf("it was dialled by %v", c.RemoteAddr())
			_ = c.Close()
		}
	}()
	v, c := pinnedCase(t, "a delegation of the root")
	address := "http://" + listener.Addr().String()
	set := strings.ReplaceAll(string(v.KeySets[c.KeySet]), `"kty"`, `"x5u":"`+address+`/x5u","kty"`)
	v.KeySets[c.KeySet] = json.RawMessage(set)
	keys, roots := v.parsed(t, c)
	if _, err := roots.Verify(c.Token, keys, time.Unix(c.Now, 0), 0, c.Issuer, c.Audience); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"jku", "x5u"} {
		header := goodHeader()
		header[name] = address + "/" + name
		wantInvalid(t, sign(t, ours(), header, goodClaims()), keySet(signingKey()))
	}
	_ = listener.Close()
	<-dialled
}
