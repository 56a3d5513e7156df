package token

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"io"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// rootSigner is one version of the root key as a [crypto.Signer] whose signatures are
// Cloud KMS's AsymmetricSign. It holds the context of one signature because the
// interface has no place for one, and lives no longer.
type rootSigner struct {
	ctx     context.Context
	client  *kms.KeyManagementClient
	version Version
	public  *rsa.PublicKey
}

// Public implements [crypto.Signer].
func (k *rootSigner) Public() crypto.PublicKey { return k.public }

// Sign implements [crypto.Signer]: the digest goes to KMS, what it is of stays here.
// One call; a second one if the first answer fails an integrity check.
func (k *rootSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss || opts.HashFunc() != crypto.SHA256 {
		return nil, errors.New("the root key signs PKCS #1 v1.5 over SHA-256 alone")
	}
	return twice(func() ([]byte, error) { return k.sign(digest) })
}

// sign asks KMS for one signature and checks all that can be checked about it.
func (k *rootSigner) sign(digest []byte) ([]byte, error) {
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
