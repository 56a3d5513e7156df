package fakekms

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// DefaultEncryptionKey is the symmetric key's resource name unless [Config] names another.
const DefaultEncryptionKey = "projects/local/locations/global/keyRings/licenses/cryptoKeys/delegation"

// maxPlaintext is the most that a software key encrypts
// (https://docs.cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt).
const maxPlaintext = 64 << 10

// sealed makes the cipher of the process's symmetric key, AES-256-GCM as the real
// service has it. All stand-ins of a process share the key, so that several stacks
// can share one record.
//
//nolint:gochecknoglobals // see above
var sealed = sync.OnceValues(func() (cipher.AEAD, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
})

// Encrypt encrypts with the symmetric key. What does not match its checksum is
// refused, as the real service does.
func (s *Server) Encrypt(ctx context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	return serve(ctx, s, MethodEncrypt, func() (*kmspb.EncryptResponse, error) {
		if err := s.symmetric(r.GetName()); err != nil {
			return nil, err
		}
		text, aad := r.GetPlaintext(), r.GetAdditionalAuthenticatedData()
		switch {
		case len(text) == 0 || len(text)+len(aad) > maxPlaintext:
			return nil, status.Error(codes.InvalidArgument, "plaintext is empty or too long")
		case damaged(r.GetPlaintextCrc32C(), text):
			return nil, status.Error(codes.InvalidArgument, "plaintext_crc32c does not match the plaintext")
		case damaged(r.GetAdditionalAuthenticatedDataCrc32C(), aad):
			return nil, status.Error(codes.InvalidArgument, "additional_authenticated_data_crc32c does not match the data")
		}
		gcm, err := sealed()
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		ciphertext := gcm.Seal(nil, nil, text, aad) //nolint:gosec // it draws a random nonce itself
		return &kmspb.EncryptResponse{
			Name:                    s.cfg.EncryptionKey + "/cryptoKeyVersions/1",
			Ciphertext:              ciphertext,
			CiphertextCrc32C:        wrapperspb.Int64(checksum(ciphertext)),
			VerifiedPlaintextCrc32C: r.GetPlaintextCrc32C() != nil,
			VerifiedAdditionalAuthenticatedDataCrc32C: r.GetAdditionalAuthenticatedDataCrc32C() != nil,
			ProtectionLevel: kmspb.ProtectionLevel_SOFTWARE,
		}, nil
	})
}

// Decrypt is the way back. Other data beside the ciphertext than it was encrypted
// with is refused like a ciphertext of another key.
func (s *Server) Decrypt(ctx context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	return serve(ctx, s, MethodDecrypt, func() (*kmspb.DecryptResponse, error) {
		if err := s.symmetric(r.GetName()); err != nil {
			return nil, err
		}
		ciphertext, aad := r.GetCiphertext(), r.GetAdditionalAuthenticatedData()
		switch {
		case damaged(r.GetCiphertextCrc32C(), ciphertext):
			return nil, status.Error(codes.InvalidArgument, "ciphertext_crc32c does not match the ciphertext")
		case damaged(r.GetAdditionalAuthenticatedDataCrc32C(), aad):
			return nil, status.Error(codes.InvalidArgument, "additional_authenticated_data_crc32c does not match the data")
		}
		gcm, err := sealed()
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		text, err := gcm.Open(nil, nil, ciphertext, aad)
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid")
		}
		return &kmspb.DecryptResponse{
			Plaintext: text, PlaintextCrc32C: wrapperspb.Int64(checksum(text)),
			UsedPrimary: true, ProtectionLevel: kmspb.ProtectionLevel_SOFTWARE,
		}, nil
	})
}

func (s *Server) symmetric(name string) error {
	if name != s.cfg.EncryptionKey {
		return status.Error(codes.NotFound, "CryptoKey not found")
	}
	return nil
}

// damaged: a checksum came with the data, and is not the data's.
func damaged(sum *wrapperspb.Int64Value, data []byte) bool {
	return sum != nil && sum.GetValue() != checksum(data)
}
