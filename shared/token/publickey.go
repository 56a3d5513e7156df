package token

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
)

// modulusBits is the size [Algorithm] names.
const modulusBits = 4096

// fetchPublicKey reads the public key of one version and checks that it is the
// one asked for, undamaged.
func fetchPublicKey(ctx context.Context, client *kms.KeyManagementClient, v Version) (*rsa.PublicKey, error) {
	return twice(func() (*rsa.PublicKey, error) {
		answer, err := retried(ctx, func() (*kmspb.PublicKey, error) {
			return client.GetPublicKey(ctx, &kmspb.GetPublicKeyRequest{Name: v.Name})
		})
		if err != nil {
			return nil, err
		}
		switch {
		case answer.GetName() != v.Name:
			return nil, damaged("the public key is of another version")
		case !matches(answer.GetPemCrc32C(), []byte(answer.GetPem())):
			return nil, damaged("pem_crc32c")
		case answer.GetAlgorithm() != Algorithm:
			return nil, damaged("the public key is for another algorithm")
		}
		return parsePublicKey(answer.GetPem())
	})
}

// parsePublicKey reads exactly one PEM block with an RSA key of [modulusBits].
func parsePublicKey(text string) (*rsa.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		return nil, errors.New("public key is not one PEM block")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() != modulusBits {
		return nil, errors.New("public key is not RSA-4096")
	}
	return key, nil
}
