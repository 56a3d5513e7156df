package token

import (
	"context"
	"strings"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// envelope encrypts the private keys of delegations with a symmetric key in Cloud
// KMS. Each ciphertext is bound to the key id it is for: it cannot be passed off as
// another's. Who may encrypt need not be allowed to decrypt.
type envelope struct {
	client *kms.KeyManagementClient
	// key is the symmetric key, projects/P/locations/L/keyRings/R/cryptoKeys/K.
	key string
}

// seal is one Encrypt; a second one if the first answer fails an integrity check.
func (e envelope) seal(ctx context.Context, kid string, plaintext []byte) ([]byte, error) {
	return twice(func() ([]byte, error) {
		answer, err := retried(ctx, func() (*kmspb.EncryptResponse, error) {
			return e.client.Encrypt(ctx, &kmspb.EncryptRequest{
				Name:                              e.key,
				Plaintext:                         plaintext,
				PlaintextCrc32C:                   wrapperspb.Int64(checksum(plaintext)),
				AdditionalAuthenticatedData:       []byte(kid),
				AdditionalAuthenticatedDataCrc32C: wrapperspb.Int64(checksum([]byte(kid))),
			})
		})
		if err != nil {
			return nil, err
		}
		switch {
		case !strings.HasPrefix(answer.GetName(), e.key+"/cryptoKeyVersions/"):
			return nil, damaged("encrypted with another key")
		case !answer.GetVerifiedPlaintextCrc32C():
			return nil, damaged("verified_plaintext_crc32c")
		case !answer.GetVerifiedAdditionalAuthenticatedDataCrc32C():
			return nil, damaged("verified_additional_authenticated_data_crc32c")
		case !matches(answer.GetCiphertextCrc32C(), answer.GetCiphertext()):
			return nil, damaged("ciphertext_crc32c")
		}
		return answer.GetCiphertext(), nil
	})
}

// open is one Decrypt; a second one if the first answer fails an integrity check. KMS
// refuses a request whose checksums do not match, and names no key in its answer.
func (e envelope) open(ctx context.Context, kid string, ciphertext []byte) ([]byte, error) {
	return twice(func() ([]byte, error) {
		answer, err := retried(ctx, func() (*kmspb.DecryptResponse, error) {
			return e.client.Decrypt(ctx, &kmspb.DecryptRequest{
				Name:                              e.key,
				Ciphertext:                        ciphertext,
				CiphertextCrc32C:                  wrapperspb.Int64(checksum(ciphertext)),
				AdditionalAuthenticatedData:       []byte(kid),
				AdditionalAuthenticatedDataCrc32C: wrapperspb.Int64(checksum([]byte(kid))),
			})
		})
		if err != nil {
			return nil, err
		}
		if !matches(answer.GetPlaintextCrc32C(), answer.GetPlaintext()) {
			return nil, damaged("plaintext_crc32c")
		}
		return answer.GetPlaintext(), nil
	})
}
