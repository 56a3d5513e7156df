package token

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// maxRetries is how often a KMS call that found nobody is sent again. The client
// library's default goes on until the deadline, which turns an outage of KMS into
// a pile of waiting requests here.
const maxRetries = 2

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

// fewRetries replaces the client library's retry policy for one call.
func fewRetries() gax.CallOption {
	return gax.WithRetry(func() gax.Retryer {
		return &limitedRetryer{
			left:    maxRetries,
			backoff: gax.Backoff{Initial: 50 * time.Millisecond, Max: 500 * time.Millisecond, Multiplier: 2},
		}
	})
}

// limitedRetryer retries UNAVAILABLE, the one code that says the call was not
// served, up to a number of times. One is made for each call.
type limitedRetryer struct {
	left    int
	backoff gax.Backoff
}

// Retry implements [gax.Retryer].
func (r *limitedRetryer) Retry(err error) (time.Duration, bool) {
	if r.left == 0 || status.Code(err) != codes.Unavailable {
		return 0, false
	}
	r.left--
	return r.backoff.Pause(), true
}

// versionRefused reports whether KMS answered that the version itself cannot be
// used: disabled, or destroyed.
func versionRefused(err error) bool {
	code := status.Code(err)
	return code == codes.FailedPrecondition || code == codes.NotFound
}

// detached is for work that many callers wait for: the one that started it cannot
// cut it short by going away. Values of ctx, such as its trace, are kept.
func detached(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}
