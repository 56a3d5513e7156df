package fakekms

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// version is one version of the key; state changes under the server's lock.
type version struct {
	name               string
	sign               func(digest []byte) ([]byte, error)
	pem                string
	created, generated time.Time
	state              kmspb.CryptoKeyVersion_CryptoKeyVersionState
	algorithm          kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm
}

// complete fills in a spec's defaults for the version of this number.
func (s *Server) complete(spec VersionSpec, number int) (*version, error) {
	if spec.Key == nil {
		key, err := SharedKey(number - 1)
		if err != nil {
			return nil, err
		}
		spec.Key = key
	}
	der, err := x509.MarshalPKIXPublicKey(&spec.Key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("fakekms: %w", err)
	}
	if spec.Sign == nil {
		key := spec.Key
		spec.Sign = func(digest []byte) ([]byte, error) { return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest) }
	}
	if spec.CreatedAt.IsZero() {
		spec.CreatedAt = s.cfg.Now()
	}
	if spec.GeneratedAt.IsZero() {
		spec.GeneratedAt = spec.CreatedAt
	}
	return &version{
		name:      fmt.Sprintf("%s/cryptoKeyVersions/%d", s.cfg.Key, number),
		sign:      spec.Sign,
		pem:       string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		created:   spec.CreatedAt,
		generated: spec.GeneratedAt,
		state:     cmp.Or(spec.State, kmspb.CryptoKeyVersion_ENABLED),
		algorithm: cmp.Or(spec.Algorithm, kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256),
	}, nil
}

// find returns a version by its resource name; the caller holds the lock.
func (s *Server) find(name string) *version {
	for _, v := range s.versions {
		if v.name == name {
			return v
		}
	}
	return nil
}

// describe is the version as the API shows it; the caller holds the lock.
func (v *version) describe() *kmspb.CryptoKeyVersion {
	out := &kmspb.CryptoKeyVersion{
		Name:            v.name,
		State:           v.state,
		Algorithm:       v.algorithm,
		ProtectionLevel: kmspb.ProtectionLevel_SOFTWARE,
		CreateTime:      timestamppb.New(v.created),
	}
	if v.state != kmspb.CryptoKeyVersion_PENDING_GENERATION {
		out.GenerateTime = timestamppb.New(v.generated)
	}
	return out
}
