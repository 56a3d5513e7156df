// Package webhook is how events reach programs of customers: where they may be sent, how
// they are signed (https://www.standardwebhooks.com), when a failed one is sent again,
// and the client that sends them. It keeps nothing; the record does.
package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const (
	// Most is how many webhooks an organization may have: each event is written once for
	// each of them.
	Most = 10
	// MaxURL is the longest address, in bytes.
	MaxURL = 2048
	// GoneStatus is the answer by which a receiver ends its webhook (410 Gone).
	GoneStatus = 410
)

// The reasons for which the service itself disables a webhook.
const (
	// DisabledGone: the receiver answered 410.
	DisabledGone = "gone"
)

// Webhook is where events of an organization are sent.
type Webhook struct {
	// ID is chosen by who makes it, as a license's is.
	ID string
	// URL may say more than an address: parts of it are often secrets.
	URL string
	// Types are those that are sent; none means all, those of later versions too.
	Types []event.Type
	// Enabled: events that happen while it is not are not kept for it.
	Enabled bool
	// Disabled says why the service disabled it; empty if a person did.
	Disabled string
	// Queue names the queue of its deliveries. One that is made anew under an old id has
	// another, and so another secret.
	Queue string
	// Generation counts its secrets, from 1; RotatedAt is when the present one was made.
	Generation int
	RotatedAt  time.Time
}

// Wants reports whether an event of this type is sent.
func (w Webhook) Wants(t event.Type) bool {
	return w.Enabled && (len(w.Types) == 0 || slices.Contains(w.Types, t))
}

// Validate reports all that is wrong with the webhook, as a [*license.InvalidError].
func (w Webhook) Validate() error {
	var faults []license.Fault
	if !license.ValidID(w.ID) {
		faults = append(faults, license.Fault{Field: "id", Message: "is not 1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen: choose another"})
	}
	if fault := (Policy{Local: true}).CheckURL(w.URL); fault != "" {
		faults = append(faults, license.Fault{Field: "url", Message: fault})
	}
	seen := map[event.Type]bool{}
	for i, t := range w.Types {
		if !event.Known(t) || seen[t] {
			faults = append(faults, license.Fault{Field: fmt.Sprintf("types.%d", i), Message: "is no type of event, or is there twice: name each once, or leave types out for all"})
		}
		seen[t] = true
	}
	if len(faults) > 0 {
		return &license.InvalidError{Faults: faults}
	}
	return nil
}

// Policy says which addresses may be called.
type Policy struct {
	// Local lets in http://127.0.0.1 with any port, for the local stack alone.
	Local bool
}

// ports that are called: those of HTTPS.
func ports() []uint16 { return []uint16{443, 8443} }

// CheckURL says what is wrong with an address, reading on from its name; empty is
// nothing. What a name resolves to is looked at when it is called, each time: see
// [NewSender].
func (p Policy) CheckURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is missing: write an https URL"
	case len(text) > MaxURL:
		return fmt.Sprintf("is longer than %d bytes: shorten it", MaxURL)
	case err != nil || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "is no URL: write one in printable ASCII, names of hosts in Punycode"
	case p.Local && u.Scheme == "http" && u.Hostname() == "127.0.0.1" && u.User == nil && u.Fragment == "":
		return ""
	case u.Scheme != "https":
		return "is not https: events are sent encrypted"
	case u.User != nil:
		return "has a user or a password in it: leave them out, each event is signed"
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return "has a fragment, which is never sent: leave it out"
	}
	return hostFault(u)
}

func hostFault(u *url.URL) string {
	if port := u.Port(); port != "" && port != "443" && port != "8443" || strings.HasSuffix(u.Host, ":") {
		return "has a port other than 443 and 8443: use one of them"
	}
	host := strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := (Policy{}).guardian().SafeAddr(ip); err != nil || ip.Zone() != "" {
			return "has an address that is not public: events are sent to the internet alone"
		}
		return ""
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	switch {
	case len(labels) < 2 || slices.Contains(labels, "") || last[0] >= '0' && last[0] <= '9':
		return "has no full name of a host: write one, such as hooks.example.com"
	case slices.Contains([]string{"localhost", "local", "internal", "localdomain", "home", "lan", "corp", "invalid", "test", "onion"}, last):
		return "has a name that is of no use outside of a network: events are sent to the internet alone"
	}
	return ""
}

// Backoff is how long a webhook is left alone after so many failures in a row. jitter, 0
// up to 1, takes up to a tenth off, so that the receivers of one machine that went down
// are not called together.
func Backoff(failures int, jitter float64) time.Duration {
	waits := [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour,
	}
	wait := waits[min(max(failures, 1), len(waits))-1]
	return wait - time.Duration(jitter*float64(wait)/10)
}

// GiveUp is for how long a delivery is tried: one that is older when an attempt fails is
// a dead letter. Over a long weekend nothing is lost.
const GiveUp = 3 * 24 * time.Hour
