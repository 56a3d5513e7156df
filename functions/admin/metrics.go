package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// openMetricsType is the media type with its version, as scrapers tell it from others.
const openMetricsType = api.ContentTypeOpenMetrics + "; version=1.0.0; charset=utf-8"

func adminMetrics() web.Operation {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	example := metricsOf([]license.License{{ID: "acme-pro", MaxSeats: 10, ExpiresAt: at.AddDate(3, 0, 0)}},
		counts{licenses: map[string]*int{"acme-pro": new(3)}}, map[string]usage.Counts{"acme-pro": {Peak: 9, RefusedAt: map[int]int64{9: 2}}}, at)
	return web.Operation{
		ID: "adminMetrics", Method: http.MethodGet, Path: api.PathAdminMetrics, Access: web.AccessAdmin,
		Roles:   []license.Role{license.RoleOwner, license.RoleAdmin, license.RoleMetrics},
		Summary: "Read the licenses as metrics", Description: "For Prometheus and what reads as it does: OpenMetrics 1.0, in which the license is the only label, and nothing tells of people. Owners and admins may read it, and machines of the role metrics, which may do nothing else. The peak and the denials are those since midnight (UTC), as of the reaper's last visit some minutes ago. What is held is absent while the seat ledger is away or being rebuilt, what was counted today while the record is away, and the end of a license that has none. Of more than 1000 licenses it is the first by id.",
		Answers: []web.Documented{{
			Status: http.StatusOK, Description: "They.", ContentType: api.ContentTypeOpenMetrics, Body: string(example),
		}},
		Problems: []api.Code{api.OrganizationNotFound},
	}
}

func (f *function) adminMetrics(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	bought, _, err := f.bought(ctx, c, page{limit: maxMetered})
	if err != nil {
		return web.Answer{}, err
	}
	text := metricsOf(bought.Licenses, f.count(ctx, c, bought.Licenses), f.today(ctx, c), f.Now())
	return web.Answer{Outcome: "read", Body: text, Header: http.Header{"Content-Type": {openMetricsType}}}, nil
}

// maxMetered is how many licenses are told of, the first by id: a page of each is some 600
// bytes, and the ledger counts them in one script.
const maxMetered = 1000

// metricsOf are licenses as they are at a time. What is not known is left out.
func metricsOf(licenses []license.License, counted counts, today map[string]usage.Counts, now time.Time) []byte {
	m := &openMetrics{}
	each := func(name, kind, unit, help string, tell func(l license.License)) {
		m.family(name, kind, unit, help)
		for _, l := range licenses {
			tell(l)
		}
	}
	gauge := func(name, unit, help string, value func(l license.License) (int64, bool)) {
		each(name, "gauge", unit, help, func(l license.License) {
			if n, known := value(l); known {
				m.sample(name, l.ID, n)
			}
		})
	}
	used := func(l license.License) (int64, bool) {
		if n := counted.licenses[l.ID]; n != nil {
			return int64(*n), true
		}
		return 0, false
	}
	gauge("license_seats_used", "", "Seats that are held now.", used)
	gauge("license_seats_max", "", "Seats that the license has.", func(l license.License) (int64, bool) { return int64(l.MaxSeats), true })
	gauge("license_seats_over", "", "Seats that are held now beyond those that the license has.", func(l license.License) (int64, bool) {
		n, known := used(l)
		return max(0, n-int64(l.MaxSeats)), known
	})
	gauge("license_seats_peak_today", "", "The most seats in use at a time since midnight (UTC).", func(l license.License) (int64, bool) {
		return int64(peakOf(today[l.ID], counted.licenses[l.ID])), today != nil
	})
	gauge("license_expires_timestamp_seconds", "seconds", "When the license ends, in seconds since 1970.", func(l license.License) (int64, bool) {
		return l.ExpiresAt.Unix(), !l.ExpiresAt.IsZero()
	})
	each("license_denials", "counter", "", "Requests for a seat that were refused since midnight (UTC).", func(l license.License) {
		if today != nil {
			m.sample("license_denials_total", l.ID, today[l.ID].Denials())
			m.sample("license_denials_created", l.ID, todayOf(now).From.Unix())
		}
	})
	return m.bytes()
}
