package recordtest

import (
	"context"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

func usageTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"what is filed is read":                    filedIsRead,
		"filed again it is the same":               filedAgain,
		"generations add up":                       generationsAddUp,
		"hours, days and licenses apart":           usageApart,
		"whoever files at once, nothing is lost":   filedAtOnce,
		"a stranger's are none of it":              strangersUsage,
		"no license's id leads elsewhere":          usageElsewhere,
		"where there is no organization":           usageOfNobody,
		"more days than fit into one transaction":  usageOfManyDays,
		"what was read is the reader's":            usageIsCopied,
		"the usage of a deleted license is usage":  usageOfTheDeleted,
		"nothing filed is nothing written to keep": filedNothing,
	}
}

// hourOf is an hour of the day of [noon].
func hourOf(hour int) time.Time {
	return noon().Truncate(24 * time.Hour).Add(time.Duration(hour) * time.Hour)
}

func filing(licenseID, generation string, at time.Time, c usage.Counts) usage.Filing {
	return usage.Filing{Hour: usage.Hour{LicenseID: licenseID, At: at, Counts: c}, Generation: generation}
}

// everyCount has each number, all of them so many times as large.
func everyCount(n int64) usage.Counts {
	return usage.Counts{
		Granted: map[int]int64{1: n, 2: 2 * n}, RefusedAt: map[int]int64{2: 3 * n}, Denied: map[string]int64{"organization": 4 * n, "handover": n},
		Waited: 2 * n, Failed: n, Peak: int(2 * n), Levels: map[int]int64{1: 1000 * n, 64: 7 * n},
	}
}

// day is all of the day of [noon].
func day() record.UsageQuery { return record.UsageQuery{From: hourOf(0), To: hourOf(24)} }

func file(t *testing.T, r record.Record, c license.Caller, all ...usage.Filing) {
	t.Helper()
	wantNil(t, r.FileUsage(t.Context(), c, all))
}

func wantUsage(t *testing.T, r record.Administration, q record.UsageQuery, want ...usage.Hour) {
	t.Helper()
	got, err := r.Usage(t.Context(), caller(), q)
	wantNil(t, err)
	wantEqual(t, "usage", got, want)
}

func hour(licenseID string, at time.Time, c usage.Counts) usage.Hour {
	return usage.Hour{LicenseID: licenseID, At: at, Counts: c}
}

func filedIsRead(t *testing.T, r Administered) {
	sold(t, r)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), everyCount(1)))
	wantUsage(t, r, day(), hour("acme-pro", hourOf(9), everyCount(1)))
}

func filedAgain(t *testing.T, r Administered) {
	sold(t, r)
	later := everyCount(3)
	later.Granted = map[int]int64{7: 1}
	for _, c := range []usage.Counts{everyCount(1), everyCount(2), everyCount(1), later, everyCount(2), usage.NewCounts()} {
		file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), c))
	}
	want := everyCount(3)
	want.Granted = map[int]int64{1: 2, 2: 4, 7: 1}
	wantUsage(t, r, day(), hour("acme-pro", hourOf(9), want))
}

func generationsAddUp(t *testing.T, r Administered) {
	sold(t, r)
	for range 2 {
		file(t, r, caller(),
			filing("acme-pro", "v4.1.ab", hourOf(9), everyCount(1)), filing("acme-pro", "v4.2.cd", hourOf(9), everyCount(2)))
	}
	want := everyCount(3)
	want.Peak = 4 // they did not have their seats at the same time
	wantUsage(t, r, day(), hour("acme-pro", hourOf(9), want))
}

func usageApart(t *testing.T, r Administered) {
	sold(t, r)
	file(t, r, caller(),
		filing("acme-pro", "g", hourOf(9), everyCount(1)), filing("acme-pro", "g", hourOf(23), everyCount(2)),
		filing("acme-pro", "g", hourOf(24), everyCount(3)), filing("acme-lab", "g", hourOf(9), everyCount(4)),
		filing("acme", "g", hourOf(10), everyCount(5)))
	acme, lab := hour("acme", hourOf(10), everyCount(5)), hour("acme-lab", hourOf(9), everyCount(4))
	nine, last, next := hour("acme-pro", hourOf(9), everyCount(1)), hour("acme-pro", hourOf(23), everyCount(2)), hour("acme-pro", hourOf(24), everyCount(3))
	wantUsage(t, r, day(), acme, lab, nine, last)
	wantUsage(t, r, record.UsageQuery{From: hourOf(9), To: hourOf(10)}, lab, nine)
	wantUsage(t, r, record.UsageQuery{From: hourOf(10), To: hourOf(25), LicenseID: "acme-pro"}, last, next)
	wantUsage(t, r, record.UsageQuery{From: hourOf(-24), To: hourOf(48), LicenseID: "acme"}, acme)
	wantUsage(t, r, record.UsageQuery{From: hourOf(9), To: hourOf(9)})
	wantUsage(t, r, record.UsageQuery{From: hourOf(10), To: hourOf(9), LicenseID: "acme-lab"})
	wantUsage(t, r, record.UsageQuery{From: hourOf(25), To: hourOf(48)})
}

func filedAtOnce(t *testing.T, r Administered) {
	sold(t, r)
	for _, err := range race(4, func(i int) error {
		return r.FileUsage(t.Context(), caller(), []usage.Filing{filing("acme-pro", string(rune('a'+i)), hourOf(9+i%2), everyCount(1))})
	}) {
		wantNil(t, err)
	}
	want := everyCount(2)
	want.Peak = 2
	wantUsage(t, r, day(), hour("acme-pro", hourOf(9), want), hour("acme-pro", hourOf(10), want))
}

func strangersUsage(t *testing.T, r Administered) {
	sold(t, r)
	file(t, r, other(), filing("acme-pro", "g", hourOf(9), everyCount(1)))
	wantUsage(t, r, day())
	wantUsage(t, r, record.UsageQuery{From: hourOf(0), To: hourOf(24), LicenseID: "acme-pro"})
}

func usageElsewhere(t *testing.T, r Administered) {
	sold(t, r)
	file(t, r, other(), filing("acme-pro", "g", hourOf(9), everyCount(1)))
	for _, id := range brokenIDs() {
		err := r.FileUsage(t.Context(), caller(), []usage.Filing{filing("acme-pro", "g", hourOf(9), everyCount(1)), filing(id, "g", hourOf(9), everyCount(1))})
		wantError(t, err, license.ErrLicenseNotFound)
		if id != "" {
			_, err = r.Usage(t.Context(), caller(), record.UsageQuery{LicenseID: id, From: hourOf(0), To: hourOf(1)})
			wantError(t, err, license.ErrLicenseNotFound)
		}
	}
	wantUsage(t, r, day())
}

func usageOfNobody(t *testing.T, r Administered) {
	file(t, r, caller(), filing("acme-pro", "g", hourOf(9), everyCount(1)))
	_, err := r.Usage(t.Context(), caller(), day())
	wantError(t, err, license.ErrOrganizationNotFound)
	sold(t, r)
	wantUsage(t, r, day())
}

func usageOfManyDays(t *testing.T, r Administered) {
	sold(t, r)
	var all []usage.Filing
	for i := range 150 {
		all = append(all, filing("acme-pro", "g", hourOf(24*i), everyCount(1)))
	}
	file(t, r, caller(), all...)
	got, err := r.Usage(t.Context(), caller(), record.UsageQuery{From: hourOf(0), To: hourOf(24 * 150)})
	wantNil(t, err)
	wantEqual(t, "hours", len(got), 150)
}

func usageIsCopied(t *testing.T, r Administered) {
	sold(t, r)
	filed := everyCount(1)
	file(t, r, caller(), filing("acme-pro", "g", hourOf(9), filed))
	filed.Granted[1] = 99
	got, err := r.Usage(t.Context(), caller(), day())
	wantNil(t, err)
	got[0].Levels[1] = 99
	wantUsage(t, r, day(), hour("acme-pro", hourOf(9), everyCount(1)))
}

func usageOfTheDeleted(t *testing.T, r Administered) {
	_, l := sold(t, r)
	file(t, r, caller(), filing("acme-pro", "g", hourOf(9), everyCount(1)))
	wantNil(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", l))
	wantUsage(t, r, day(), hour("acme-pro", hourOf(9), everyCount(1)))
}

func filedNothing(t *testing.T, r Administered) {
	sold(t, r)
	file(t, r, caller())
	wantUsage(t, r, day())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	wantUnavailable(t, "Usage", errorOf(r.Usage(over, caller(), day())))
}
