package interop

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestPrometheusReadsTheMetrics: its own library makes of the page what the service says. That
// reads the form before OpenMetrics, which what is written here is as well but for the names
// of counters; what OpenMetrics adds is checked by hand.
func TestPrometheusReadsTheMetrics(t *testing.T) {
	s := start(t, token.ByDelegation)
	s.take(t, "ann")
	idToken := s.IDP.IDToken(fakeidp.Claims{UserID: "scraper", TenantID: "acme", Role: "metrics", IssuedAt: time.Now()})
	page := string(s.call(t, http.MethodGet, api.PathAdminMetrics, idToken, ""))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%v in\n%s", err, page)
	}
	got := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			if len(m.GetLabel()) != 1 || m.GetLabel()[0].GetName() != "license" || m.GetLabel()[0].GetValue() != "acme-pro" {
				t.Errorf("%s has the labels %v", name, m.GetLabel())
			}
			got[name] = m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"license_seats_used": 1, "license_seats_max": 3, "license_seats_over": 0, "license_seats_peak_today": 1, "license_denials_total": 0,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v, there %t; want %v", name, value, there, want)
		}
	}
	wantOpenMetrics(t, page)
}

// wantOpenMetrics checks what the form demands beyond Prometheus's own: an end, families that
// are told of once and have their samples behind them, and the suffixes of counters and units
// (https://prometheus.io/docs/specs/om/open_metrics_spec/#overall-structure).
func wantOpenMetrics(t *testing.T, page string) {
	t.Helper()
	body, ended := strings.CutSuffix(page, "# EOF\n")
	if !ended || strings.Contains(body, "# EOF") || strings.Contains(body, "\n\n") {
		t.Errorf("it does not end as it should:\n%s", page)
	}
	family, kind := "", ""
	var seen []string
	for line := range strings.Lines(body) {
		words := strings.Fields(line)
		switch {
		case words[0] != "#":
			name, _, _ := strings.Cut(line, "{")
			suffixes := map[string][]string{"gauge": {""}, "counter": {"_total", "_created"}}[kind]
			if suffix, own := strings.CutPrefix(name, family); !own || !slices.Contains(suffixes, suffix) {
				t.Errorf("%q among the samples of the %s %s", line, kind, family)
			}
		case words[1] == "TYPE":
			if family, kind = words[2], words[3]; slices.Contains(seen, family) {
				t.Errorf("%s is told of twice", family)
			}
			seen = append(seen, family)
		case words[2] != family:
			t.Errorf("%q stands in %s", line, family)
		case words[1] == "UNIT" && !strings.HasSuffix(family, "_"+words[3]):
			t.Errorf("%s is in %s", family, words[3])
		}
	}
}
