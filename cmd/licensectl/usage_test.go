package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

const (
	usageOfAcme   = `{"organization_id":"acme","from":"2026-12-01T00:00:00Z","to":"2026-12-02T00:00:00Z","step":"day","licenses":[{"license_id":"pro","grants":4,"denials":4,"waited":3,"peak_seats":2,"mean_seats":1.25,"steps":[{"at":"2026-12-01T00:00:00Z","grants":4,"denials":4,"waited":3,"peak_seats":2,"mean_seats":1.25}],"sizing":[{"seats":1,"waiting":6,"waiting_percent":75,"short_seconds":3700},{"seats":3}]}]}`
	usageByUser   = `{"organization_id":"acme","from":"2026-12-01T00:00:00Z","to":"2026-12-02T00:00:00Z","by":"user","licenses":[],"groups":[{"key":"ann","sessions":3,"peak_seats":2,"seat_hours":4.5}],"others":{"groups":2,"sessions":5,"seat_hours":0.25}}`
	denialsOfAcme = `{"organization_id":"acme","from":"2026-12-01T00:00:00Z","to":"2026-12-02T00:00:00Z","step":"day","licenses":[{"license_id":"pro","denials":4,"waited":3,"lost":1,"by_limit":{"license":3,"organization":1},"steps":[{"at":"2026-12-01T00:00:00Z","denials":4,"waited":3,"lost":1,"by_limit":{"license":3,"organization":1}}]}]}`
)

func TestUsage(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dev/staff-token" {
			_, _ = io.WriteString(w, `{"id_token":"secret"}`)
			return
		}
		asked = r.URL.RequestURI()
		switch r.URL.Path {
		case api.UsagePath("acme"):
			if r.URL.Query().Has(api.QueryBy) {
				_, _ = io.WriteString(w, usageByUser)
				return
			}
			_, _ = io.WriteString(w, usageOfAcme)
		case api.DenialsPath("acme"):
			_, _ = io.WriteString(w, denialsOfAcme)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	const path = "/api/v1/control/organizations/acme/"
	for line, want := range map[string]struct {
		asked, printed string
		status         int
	}{
		"usage report acme": {
			path + "usage?step=day",
			"LICENSE  FROM                      GRANTS  DENIALS  WAITED  PEAK  MEAN  MEAN # PEAK -\n" +
				"pro      2026-12-01T00:00:00.000Z  4       4        3       2     1.25  #########################---------------\n", 0,
		},
		"usage peaks acme --license pro --from 2026-12-01 --to 2026-12-02 --step hour": {
			path + "usage?from=2026-12-01&license=pro&step=hour&to=2026-12-02",
			"LICENSE  SEATS  WOULD WAIT  %   MORE IN USE FOR  SHARE\n" +
				"pro      1      6           75  1h1m40s          ##############################\n" +
				"pro      3      0           0   0s               \n", 0,
		},
		"usage denials acme -o csv": {
			path + "denials?step=day",
			"license,at,denials,waited,lost,by_license,by_user,by_organization,by_handover\npro,2026-12-01T00:00:00.000Z,4,3,1,3,0,1,0\n", 0,
		},
		"usage report acme --by user": {
			path + "usage?by=user",
			"USER        SESSIONS  PEAK  SEAT HOURS\n" +
				"ann         3         2     4.5\n" +
				"(2 others)  5         0     0.25\n", 0,
		},
		"usage report acme --by project --license pro --from 2026-12-01 -o csv": {
			path + "usage?by=project&from=2026-12-01&license=pro",
			"key,sessions,peak_seats,seat_hours\nann,3,2,4.5\n(2 others),5,0,0.25\n", 0,
		},
		"usage report acme --by user --step hour -o name": {path + "usage?by=user&step=hour", "ann\n(2 others)\n", 0},
		"usage report acme -o name":                       {path + "usage?step=day", "acme/pro\n", 0},
	} {
		var out strings.Builder
		status := run(context.WithoutCancel(t.Context()), append([]string{"--local", "--endpoint", server.URL}, strings.Fields(line)...), terminal{in: strings.NewReader(""), out: &out, err: &out})
		if asked != want.asked || out.String() != want.printed || status != want.status {
			t.Errorf("%s: status %d, asked %s\nprinted\n%q\nwant status %d, %s\n%q", line, status, asked, out.String(), want.status, want.asked, want.printed)
		}
	}
	for line, want := range map[string]string{
		"usage report acme -o json":           `"mean_seats": 1.25`,
		"usage report acme --by user -o json": `"seat_hours": 0.25`,
		"usage report acme --by share":        "--by must be one of",
		"usage peaks acme -o yaml":            "waiting_percent: 75",
		"usage denials acme -o json":          `"organization": 1`,
		"usage denials nobody":                "cannot report the denials of organization nobody",
		"usage report acme --step x":          "--step must be one of",
	} {
		var out strings.Builder
		run(context.WithoutCancel(t.Context()), append([]string{"--local", "--endpoint", server.URL}, strings.Fields(line)...), terminal{in: strings.NewReader(""), out: &out, err: &out})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s prints %s", line, out.String())
		}
	}
}
