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
}

func listPrices() prices {
	return prices{
		appendOnlyGB: 0.00054795, activeCPU: 0.000024, activeGiB: 0.0000025, idle: 0.0000025, lastingCPU: 0.000018, lastingGiB: 0.000002,
		request: 0.40e-6, armorRequest: 0.75e-6, balancerHour: 0.025, armorMonth: 5 + 4, firestoreWrite: 0.90e-6, firestoreRead: 0.30e-6,
	}
}

// TestCostTable: the table of what an installation costs is what its prices and
// assumptions come to: all seats used day and night, an acquire per eight hours.
func TestCostTable(t *testing.T) {
	page := deploytest.Text(t, "docs/operations.md")
	for _, price := range []string{"`CUSTOM_PICO` $0.0308", "`STANDARD_SMALL` $0.1425", "`HIGHMEM_MEDIUM` $0.1923", "$0.00054795 per GB", "$0.000024 a vCPU-second", "$0.000018 and $0.000002"} {
		if !strings.Contains(page, price) {
			t.Errorf("the page has not the price %s", price)
		}
	}
	for _, of := range []struct {
		seats float64
		size  string
	}{{500, "small"}, {2000, "small"}, {20000, "production"}, {200000, "production"}} {
		hsm, software := 15e-6, 3e-6
		row := fmt.Sprintf("| $%s | $%s | $%s / $%s |",
			dollars(monthly(of.seats, of.size, hsm, 4*2.50, false)), dollars(monthly(of.seats, of.size, software, 4*0.06, false)),
			dollars(monthly(of.seats, of.size, hsm, 4*2.50, true)), dollars(monthly(of.seats, of.size, software, 4*0.06, true)))
		if !strings.Contains(page, row) {
			t.Errorf("%v seats: the page has not %s", of.seats, row)
		}
	}
}

// monthly is what so many seats cost. chosen: heartbeats billed by instances where
// that is less, Cloud Armor before acquire alone.
func monthly(seats float64, size string, signature, keys float64, chosen bool) float64 {
	const hours, seconds, gib = 730, 730 * 3600, 0.5
	p := listPrices()
	heartbeats, acquires := seats*21900, seats*91.25 // a month
	nodes, node, capacity, warm := 2.0, 0.0308, 1.25, [3]float64{1, 1, 0}
	if size == "production" {
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
	if chosen {
		beating = min(beating, warm[0]*seconds*(p.lastingCPU+gib*p.lastingGiB))
		armored = acquires
	}
	return ledger + beating + byRequests(warm[1], acquires, 0.2) + byRequests(warm[2], acquires, 0.1) + 2*acquires*p.request +
		hours*p.balancerHour + p.armorMonth + armored*p.armorRequest +
		heartbeats*0.15e-6 + acquires*0.50e-6 + // traffic out
		(seats*1460+acquires)*signature + keys + acquires*(2*p.firestoreWrite+3*p.firestoreRead)
}

// dollars are whole ones, with a comma for thousands.
func dollars(amount float64) string {
	n := int(math.Round(amount))
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
