package documents

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// administration is a request to the customers' door.
type administration struct {
	kilobytes     float64 // of its answer
	reads, writes float64 // of documents
}

// pageOfSessions reads the organization, the sessions, and one more to know whether
// there are more.
func pageOfSessions() administration {
	return administration{kilobytes: 20.5, reads: 1 + api.DefaultPage + 1}
}

// counters come out of memory and the seat ledger.
func counters() administration { return administration{kilobytes: 1.2} }

// endOfASession is noted in its document first, and then recorded with the audit's entry.
func endOfASession() administration { return administration{kilobytes: 0.4, reads: 3, writes: 3} }

func (a administration) traffic() float64 { return a.kilobytes * 1e-6 * listPrices().trafficGB }

func (a administration) record() float64 {
	return a.reads*listPrices().firestoreRead + a.writes*listPrices().firestoreWrite
}

// cost is that of one, the time of the instance aside.
func (a administration) cost() float64 {
	p := listPrices()
	return p.request + p.armorRequest + a.traffic() + a.record()
}

// TestCostOfAdministration: the rows of a million are what their documents and bytes
// come to.
func TestCostOfAdministration(t *testing.T) {
	page := deploytest.Text(t, "docs/operations.md")
	for row, a := range map[string]administration{
		"| pages of 50 sessions looked at | $0.40 | $0.75 + $%.2f | 52 reads: $%.2f | 0 | $%.2f |":     pageOfSessions(),
		"| counters looked at | $0.40 | $0.75 + $%.2f | out of memory: $%.2f | 0 | $%.2f |":            counters(),
		"| ended by an administrator | $0.40 | $0.75 + $%.2f | 3 reads, 3 writes: $%.2f | 0 | $%.2f |": endOfASession(),
	} {
		if want := fmt.Sprintf(row, a.traffic()*1e6, a.record()*1e6, a.cost()*1e6); !strings.Contains(page, want) {
			t.Errorf("the page has not %s", want)
		}
	}
}

// TestCostOfAnIndex: what the composite indexes of a license and a user, and of the ended,
// cost is what their entries take (https://firebase.google.com/docs/firestore/storage-size).
func TestCostOfAnIndex(t *testing.T) {
	const organization, license, user = "globex", "globex-pro", "0123456789abcdefghijklmnopqr"
	text := func(s string) int { return len(s) + 1 }
	parent := text("orgs") + text(organization) + 16
	name := parent + text("sessions") + text("3f-0199aaaa-0000-7000-8000-000000000000")
	for _, values := range []int{
		text("active") + text(license) + text(user) + text("3") + 8, // status, license_id, user_id, part, acquired_at
		text("3") + 8 + 8, // part, ended_at, acquired_at
	} {
		entry := name + parent + values + 32
		aMillion := float64(entry) * 1e6 / (1 << 30) * listPrices().storedGiB
		want := fmt.Sprintf("%d bytes, $%.3f a month for a million sessions", entry, aMillion)
		if page := deploytest.Text(t, "docs/operations.md"); !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
