package token

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// maxRetries is how often a KMS call that found nobody is sent again. The client
// library's default goes on until the deadline, which turns an outage of KMS into
// a pile of waiting requests here.
const maxRetries = 2

// firstPause bounds the pause before the first retry; each further bound doubles.
const firstPause = 50 * time.Millisecond

// errIntegrity marks answers of KMS that were damaged on the way or are not the
// answer to what was asked
// (https://cloud.google.com/kms/docs/data-integrity-guidelines).
var errIntegrity = errors.New("integrity check failed")

// damaged is an [errIntegrity] that names the check which failed.
func damaged(check string) error { return fmt.Errorf("%w: %s", errIntegrity, check) }

// checksum is CRC32C as KMS uses it.
func checksum(data []byte) int64 {
	return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// matches reports whether KMS sent a checksum and it is data's. An absent one
// is not a match: a proxy that drops fields must not switch the check off.
func matches(sum *wrapperspb.Int64Value, data []byte) bool {
	return sum != nil && sum.GetValue() == checksum(data)
}

// twice repeats a call once, at once, if its answer failed an integrity check:
// bits flip rarely, and hardly ever twice.
func twice[T any](call func() (T, error)) (T, error) {
	answer, err := call()
	if errors.Is(err, errIntegrity) {
		return call()
	}
	return answer, err
}

// unavailable wraps the failure of KMS for the HTTP layer, once.
func unavailable(err error) error {
	var already *license.UnavailableError
	if err == nil || errors.As(err, &already) {
		return err
	}
	return &license.UnavailableError{Backend: "kms", Err: err}
}

// withoutRetries switches off the client library's own retries for the calls of
// this package. It changes the client, so it is for the start, before any call.
func withoutRetries(client *kms.KeyManagementClient) {
	options := client.CallOptions
	options.ListCryptoKeyVersions, options.GetPublicKey, options.AsymmetricSign = nil, nil, nil
	options.Encrypt, options.Decrypt = nil, nil
}

// retried makes a call, and up to [maxRetries] times again after UNAVAILABLE, the
// one code that says the call was not served. The pauses are random, so that the
// callers of an outage do not come back together.
func retried[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for retry := range maxRetries {
		answer, err := call()
		if status.Code(err) != codes.Unavailable {
			return answer, err
		}
		if !paused(ctx, rand.N(firstPause<<retry)) { //nolint:gosec // jitter
			return answer, errors.Join(err, ctx.Err())
		}
	}
	return call()
}

// paused reports whether the pause passed before ctx ended.
func paused(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// versionRefused reports whether KMS answered that the version itself cannot be
// used: disabled, or destroyed.
func versionRefused(err error) bool {
	code := status.Code(err)
	return code == codes.FailedPrecondition || code == codes.NotFound
}
