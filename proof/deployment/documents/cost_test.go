package documents

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// prices are list prices in US dollars; docs/operations.md has where from.
type prices struct {
	appendOnlyGB                  float64 // an hour
	activeCPU, activeGiB, idle    float64 // a second; idle of either
	lastingCPU, lastingGiB        float64 // a second, billed by instances
	request, armorRequest         float64
	balancerHour, armorMonth      float64
	firestoreWrite, firestoreRead float64
	storedGiB, trafficGB          float64 // a month; any
}

func listPrices() prices {
	return prices{
		appendOnlyGB: 0.00054795, activeCPU: 0.000024, activeGiB: 0.0000025, idle: 0.0000025, lastingCPU: 0.000018, lastingGiB: 0.000002,
		request: 0.40e-6, armorRequest: 0.75e-6, balancerHour: 0.025, armorMonth: 5 + 5, firestoreWrite: 0.90e-6, firestoreRead: 0.30e-6,
		storedGiB: 0.15, trafficGB: 0.128,
	}
}

// keys are what Cloud KMS asks for, by protection level: operations of the key of
// license tokens and of the one that encrypts, and versions of both a month.
type keys struct{ signature, encryption, rootVersion, encryptionVersion float64 }

func hsm() keys      { return keys{15e-6, 3e-6, 2.50, 1.00} }
func software() keys { return keys{3e-6, 3e-6, 0.06, 0.06} }

// versions are those of a key that are enabled: a quarter each, for a year.
const versions = 4

// TestCostTable: the table of what an installation costs is what its prices and
// assumptions come to: all seats used day and night, an acquire per eight hours, somebody
// who looks at sessions and counters for every five hundred seats.
func TestCostTable(t *testing.T) {
	page := deploytest.Text(t, "docs/operations.md")
	for _, price := range []string{
		"`CUSTOM_PICO` $0.0308", "`STANDARD_SMALL` $0.1425", "`HIGHMEM_MEDIUM` $0.1923", "$0.00054795 per GB", "$0.000024 a vCPU-second", "$0.000018 and $0.000002",
		"$15 a million signatures", "$3 a million of what encrypts and decrypts", "$2.50 and $1.00 a version", "$0.15 a GiB and month", "5 rules × $1",
	} {
		if !strings.Contains(page, price) {
			t.Errorf("the page has not the price %s", price)
		}
	}
	for _, of := range []struct {
		seats float64
		size  string
	}{{500, "small"}, {2000, "small"}, {20000, "production"}, {200000, "production"}} {
		row := fmt.Sprintf("| $%s | $%s | $%s / $%s |",
			dollars(installation{of.seats, of.size, hsm(), delegated, false}.monthly()), dollars(installation{of.seats, of.size, hsm(), delegated, true}.monthly()),
			dollars(installation{of.seats, of.size, hsm(), eachByKMS, false}.monthly()), dollars(installation{of.seats, of.size, software(), eachByKMS, false}.monthly()))
		if !strings.Contains(page, row) {
			t.Errorf("%v seats: the page has not %s", of.seats, row)
		}
	}
}

// How tokens are signed.
const (
	delegated = iota
	eachByKMS
)

// installation is one whose seats are all used. chosen: heartbeats billed by instances
// where that is less, Cloud Armor before acquire alone.
type installation struct {
	seats   float64
	size    string
	keys    keys
	signing int
	chosen  bool
}

func (i installation) heartbeats() float64 { return i.seats * 21900 } // a month
func (i installation) acquires() float64   { return i.seats * 91.25 }

// looks is how often somebody looks at a list of sessions, and at the counters: every ten
// seconds, for 40 hours a month, one for every five hundred seats.
func (i installation) looks() float64 { return i.seats / 500 * 40 * 3600 / 10 }

// monthly is what the installation costs.
func (i installation) monthly() float64 {
	const hours, seconds, gib = 730, 730 * 3600, 0.5
	p := listPrices()
	heartbeats, acquires := i.heartbeats(), i.acquires()
	nodes, node, capacity, warm := 2.0, 0.0308, 1.25, [3]float64{1, 1, 0}
	if i.size == "production" {
		nodes, node, capacity, warm = 3, 0.1923, 13, [3]float64{3, 2, 1}
	}
	ledger := nodes * hours * (node + capacity*p.appendOnlyGB)
	// Active is an instance while it has a request, each of which counts as long as
	// Cloud Run rounds it to; requests come at random.
	byRequests := func(instances, requests, counted float64) float64 {
		if instances == 0 {
			return 0.5
		}
		active := 1 - math.Exp(-requests/seconds/instances*counted)
		return instances * seconds * (active*(p.activeCPU+gib*p.activeGiB) + (1-active)*p.idle*(1+gib))
	}
	beating := byRequests(warm[0], heartbeats, 0.1) + heartbeats*p.request
	armored := heartbeats + 2*acquires
	if i.chosen {
		beating = min(beating, warm[0]*seconds*(p.lastingCPU+gib*p.lastingGiB))
		armored = acquires
	}
	return ledger + beating + byRequests(warm[1], acquires, 0.2) + byRequests(warm[2], acquires, 0.1) + 2*acquires*p.request +
		hours*p.balancerHour + p.armorMonth + armored*p.armorRequest + i.traffic() + i.kms(warm[0]+warm[1]) + acquires*(2*p.firestoreWrite+3*p.firestoreRead) +
		i.looks()*(pageOfSessions().cost()+counters().cost()+2*0.1*(p.activeCPU+gib*p.activeGiB))
}

// traffic out: a token with every answer, that of RSA-4096 is longer.
func (i installation) traffic() float64 {
	heartbeat := 0.24e-6
	if i.signing == eachByKMS {
		heartbeat = 0.31e-6
	}
	return i.heartbeats()*heartbeat + i.acquires()*0.50e-6
}

// kms is what Cloud KMS costs, where so many instances are warm, started anew each
// day. Whatever the seats, delegations are made four times a day.
func (i installation) kms(instances float64) float64 {
	const days = 365.0 / 12
	if i.signing == eachByKMS {
		return (i.heartbeats()+i.acquires())*i.keys.signature + versions*i.keys.rootVersion
	}
	ops := kmsOperations()
	day := ops.day.cost(i.keys) + instances*(ops.instanceDay.cost(i.keys)+ops.start.cost(i.keys))
	return days*day + versions*(i.keys.rootVersion+i.keys.encryptionVersion)
}

// operations are calls of Cloud KMS that are paid for; lists of versions are free.
type operations struct{ sign, encrypt, decrypt, publicKey float64 }

func (o operations) cost(k keys) float64 {
	return o.sign*k.signature + (o.encrypt+o.decrypt)*k.encryption + o.publicKey*k.signature
}

// kmsOperations are those of TOKEN_SIGNING=delegated: of the service a day, of an
// instance of acquire or heartbeat a day and at its start, when the newest delegation
// signs, and one version of the key of license tokens has certified all that are alive.
func kmsOperations() (ops struct{ day, instanceDay, start operations }) {
	const made = 24 / 6 // a day: one every half life
	ops.day = operations{sign: made, encrypt: made, publicKey: versions}
	ops.instanceDay = operations{decrypt: made}
	ops.start = operations{decrypt: 1, publicKey: 1}
	return ops
}

// TestCostOfEvents: what the page says that events cost is what its arithmetic comes to.
func TestCostOfEvents(t *testing.T) {
	page, p := deploytest.Text(t, "docs/operations.md"), listPrices()
	const (
		deleted, runs, terabyte, free = 0.10e-6, 730 * 60.0, 40.0 / (1 << 40), 10 << 30
		active                        = 0.00002525
	)
	kept := 2*p.firestoreWrite + 2*p.firestoreRead + deleted
	sent := 3*p.firestoreWrite + 3*p.firestoreRead + deleted
	events := func(seats float64) float64 { return 2 * 91.25 * seats }
	published := func(seats float64) float64 { return max(0, 2*1000*events(seats)-free) * terabyte }
	for _, want := range []string{
		fmt.Sprintf("| %.3f M |", events(2000)/1e6),
		fmt.Sprintf("2 × $0.90 + 2 × $0.30 + $0.10 a million | $%.1f |", events(2000)*kept),
		fmt.Sprintf("3 × $0.90 + 3 × $0.30 + $0.10 a million | $%.1f |", events(2000)*sent),
		fmt.Sprintf("10 GiB of a month free | $%.0f |", published(2000)),
		fmt.Sprintf("× $0.00002525, $0.02 of fees | $%.1f |", runs*(active+p.request)),
		fmt.Sprintf("| 2 reads a run | $%.2f |", 2*runs*p.firestoreRead),
		fmt.Sprintf("At 200,000 seats the first two are $%.0f and $%.0f, a subscription $%.0f.", events(200_000)*kept, events(200_000)*sent, published(200_000)),
		fmt.Sprintf("two at most: $%.0f a\nmonth", 2*730*3600*active),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has not %q", want)
		}
	}
}

// TestKMSOperations: the table of them is what the cost is computed from.
func TestKMSOperations(t *testing.T) {
	page, ops := deploytest.Text(t, "docs/operations.md"), kmsOperations()
	for what, o := range map[string]operations{
		"a million heartbeats": {}, "a million acquires": {},
		"an instance of acquire or heartbeat that starts": ops.start,
		"the same a day": ops.instanceDay, "the service a day": ops.day,
	} {
		row := fmt.Sprintf("| %s | %v | %v | %v | %v | $%s |", what, o.sign, o.encrypt, o.decrypt, o.publicKey, cents(o.cost(hsm())))
		if !strings.Contains(page, row) {
			t.Errorf("the page has not %s", row)
		}
	}
}

// cents are dollars with as many digits as tell something.
func cents(amount float64) string {
	if amount == 0 {
		return "0"
	}
	return fmt.Sprintf("%.5f", amount)
}

// dollars are whole ones, with a comma for thousands.
func dollars(amount float64) string {
	n := int(math.Round(amount))
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// TestCostOfAuditLogs: what the page says that Google's logs of access to data cost is what
// its arithmetic comes to: 1.5 KB a line, and no line for free.
func TestCostOfAuditLogs(t *testing.T) {
	page := deploytest.Text(t, "docs/operations.md")
	const line = 1500 * 0.50 / 1e9
	small, large := installation{seats: 2000}, installation{seats: 200_000}
	// An organization's entitlements: three reads every 30 s, of 100 organizations on two instances.
	const entitlements = 3 * 730 * 3600 / 30 * 100 * 2
	for what, lines := range map[string]func(installation) float64{
		"`identity_platform`: `DATA_READ`": func(i installation) float64 { return i.acquires() },
		"`firestore`: `DATA_WRITE`":        func(i installation) float64 { return 2 * i.acquires() },
		"`firestore`: `DATA_READ`":         func(i installation) float64 { return entitlements + 4*i.acquires() },
	} {
		_, row, found := strings.Cut(page, "| "+what+" (off) |")
		row, _, _ = strings.Cut(row, "\n")
		want := fmt.Sprintf("| $%.2f | $%.2f |", lines(small)*line, lines(large)*line)
		if !found || !strings.HasSuffix(row, want) {
			t.Errorf("%s: the page has not %s, but %s", what, want, row)
		}
	}
}
