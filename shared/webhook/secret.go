package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of an event, as Standard Webhooks name them
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Overlap is for how long the secret before the present one signs as well.
const Overlap = 24 * time.Hour

// secretPrefix begins a secret as people copy it.
const secretPrefix = "whsec_"

// Key is what the secrets of all webhooks are derived from. None of them is stored: who
// reads the record, or a backup of it, can sign nothing.
type Key []byte

// Secret is what a webhook and its receiver share.
type Secret []byte

// String is the secret as its receiver is told it, once.
func (s Secret) String() string { return secretPrefix + base64.StdEncoding.EncodeToString(s) }

// Secret is that of one generation of a webhook.
func (k Key) Secret(organizationID, queue string, generation int) Secret {
	mac := hmac.New(sha256.New, k)
	_, _ = fmt.Fprintf(mac, "webhook secret\n%s\n%s\n%d", organizationID, queue, generation)
	return mac.Sum(nil)
}

// Secrets are those that sign now: the present one, and for [Overlap] after a rotation the
// one before.
func (k Key) Secrets(organizationID string, w Webhook, now time.Time) []Secret {
	all := []Secret{k.Secret(organizationID, w.Queue, w.Generation)}
	if w.Generation > 1 && now.Before(w.RotatedAt.Add(Overlap)) {
		all = append(all, k.Secret(organizationID, w.Queue, w.Generation-1))
	}
	return all
}

// Sign sets the headers of a message that is sent now: its id, the time, and a signature
// by each secret.
func Sign(header http.Header, id string, now time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
}
