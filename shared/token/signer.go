package token

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// Signer makes compact JWS with signatures of Cloud KMS. It is safe for
// concurrent use; calls run concurrently.
type Signer struct {
	client *kms.KeyManagementClient
}

// NewSigner returns a signer over client, which stays the caller's to close. It
// switches off the client's own retries, so it is for the start, before any call.
func NewSigner(client *kms.KeyManagementClient) *Signer {
	withoutRetries(client)
	return &Signer{client: client}
}

// Sign returns payload as a compact JWS (RS256, kid, typ) signed by version v,
// whose public key is public. One KMS call; a second one if the first answer
// fails an integrity check. ctx needs a deadline. Failures are
// *[license.UnavailableError] of backend kms.
func (s *Signer) Sign(ctx context.Context, v Version, public *rsa.PublicKey, payload []byte) (string, error) {
	key := &remoteKey{ctx: ctx, client: s.client, version: v, public: public}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: key},
		(&jose.SignerOptions{}).WithType(licensejwt.Type),
	)
	if err != nil {
		return "", fmt.Errorf("license token signer: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		// gRPC's CANCELED hides the context's own error, which tells a client that
		// went away from a KMS that failed. Join leaves out a nil.
		return "", unavailable(fmt.Errorf("sign with %s: %w", v.KeyID(), errors.Join(err, ctx.Err())))
	}
	return jws.CompactSerialize()
}

// remoteKey is one signature's [jose.OpaqueSigner]. It holds the context of that
// signature because the interface has no place for one, and lives no longer.
type remoteKey struct {
	ctx     context.Context
	client  *kms.KeyManagementClient
	version Version
	public  *rsa.PublicKey
}

// Public implements [jose.OpaqueSigner]; its KeyID becomes the token's kid.
func (k *remoteKey) Public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: k.public, KeyID: k.version.KeyID(), Algorithm: string(jose.RS256), Use: "sig"}
}

// Algs implements [jose.OpaqueSigner].
func (k *remoteKey) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.RS256} }

// SignPayload implements [jose.OpaqueSigner]: the digest goes to KMS, the
// payload stays here.
func (k *remoteKey) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	digest := sha256.Sum256(payload)
	return twice(func() ([]byte, error) { return k.sign(digest[:]) })
}

// sign asks KMS for one signature and checks all that can be checked about it.
func (k *remoteKey) sign(digest []byte) ([]byte, error) {
	answer, err := retried(k.ctx, func() (*kmspb.AsymmetricSignResponse, error) {
		return k.client.AsymmetricSign(k.ctx, &kmspb.AsymmetricSignRequest{
			Name:         k.version.Name,
			Digest:       &kmspb.Digest{Digest: &kmspb.Digest_Sha256{Sha256: digest}},
			DigestCrc32C: wrapperspb.Int64(checksum(digest)),
		})
	})
	if err != nil {
		return nil, err
	}
	signature := answer.GetSignature()
	switch {
	case answer.GetName() != k.version.Name:
		return nil, damaged("signed by another version")
	case !answer.GetVerifiedDigestCrc32C():
		return nil, damaged("verified_digest_crc32c")
	case !matches(answer.GetSignatureCrc32C(), signature):
		return nil, damaged("signature_crc32c")
	}
	// The checksums show damage on the way, not a faulty computation. This check
	// takes a third of a millisecond. It keeps back tokens that the published key
	// would refuse, and faulty RSA signatures, which can betray the private key.
	if rsa.VerifyPKCS1v15(k.public, crypto.SHA256, digest, signature) != nil {
		return nil, damaged("the signature is not by the published key")
	}
	return signature, nil
}
