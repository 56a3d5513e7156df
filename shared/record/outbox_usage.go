package record

import (
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// poolEvents are the shares of a license's seats that are told of, in percent, in the
// order in which they are reached.
func poolEvents() []struct {
	percent int
	event   event.Type
} {
	return []struct {
		percent int
		event   event.Type
	}{{80, event.Pool80}, {90, event.Pool90}, {100, event.Pool100}}
}

// tellDay makes the events of what a filing changes of a license's day, and notes in the
// document which shares were told. seats is how many the license has; 0 tells no share.
func tellDay(before, after usageDoc, seats int) (usageDoc, []told) {
	var events []told
	for hour := range after.Hours {
		events = append(events, tellDenials(after, hour, before.total(hour), after.total(hour))...)
	}
	peak := 0
	for hour := range after.Hours {
		peak = max(peak, after.total(hour).Peak)
	}
	for i, p := range poolEvents() {
		if seats < 1 || p.percent <= after.Told || peak*100 < p.percent*seats {
			continue
		}
		after.Told = p.percent
		data := event.Level{LicenseID: after.LicenseID, Day: after.Day, SeatsPeak: peak, SeatsMax: seats}
		one := tell(p.event, event.NewID(p.event, after.LicenseID, after.Day), "licenses/"+after.LicenseID, time.Time{}, after.kept(), data)
		one.doc.Seq = i + 1
		events = append(events, one)
	}
	return after, events
}

// tellDenials tells what came to the denials of an hour. All of an hour only grow, so
// their number names the event.
func tellDenials(doc usageDoc, hour string, before, after usage.Counts) []told {
	more := after.Denials() - before.Denials()
	if more < 1 {
		return nil
	}
	by := map[string]int64{}
	if n := after.Refused() - before.Refused(); n > 0 {
		by[string(license.LimitLicense)] = n
	}
	for limit, n := range after.Denied {
		if n -= before.Denied[limit]; n > 0 {
			by[limit] = n
		}
	}
	id := event.NewID(event.SeatDenied, doc.LicenseID, doc.Day, hour, strconv.FormatInt(after.Denials(), 10))
	data := event.Denials{LicenseID: doc.LicenseID, Hour: doc.begin(hour), Count: more, ByLimit: by}
	return []told{tell(event.SeatDenied, id, "licenses/"+doc.LicenseID, time.Time{}, doc.kept(), data)}
}

// total is what all generations counted of an hour. What cannot be read counts nothing
// here: the filing that met it was refused.
func (d usageDoc) total(hour string) usage.Counts {
	all := usage.NewCounts()
	for _, counts := range d.Hours[hour] {
		if c, err := counts.counts(); err == nil {
			all = all.Add(c)
		}
	}
	return all
}

// begin is when an hour of the day begins.
func (d usageDoc) begin(hour string) time.Time {
	begin, _ := time.Parse(usageDay+" 15", d.Day+" "+hour)
	return begin
}

// kept is the end of the day, from which its events are kept on.
func (d usageDoc) kept() time.Time { return d.begin("00").Add(24 * time.Hour) }
