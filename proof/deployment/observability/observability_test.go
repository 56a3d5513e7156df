// Package observability holds what the Terraform module counts, charts and alerts
// on, and what playbooks say, against lines that the code really logs.
package observability

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/zclconf/go-cty/cty"
)

// TestObservability: what the module counts, charts and alerts on is what the
// code really writes.
func TestObservability(t *testing.T) {
	module, lines := readModule(t), liveDay(t)
	t.Run("metrics match real lines", func(t *testing.T) { metricsMatchRealLines(t, module, lines) })
	t.Run("alerts match real lines", func(t *testing.T) { alertsMatchRealLines(t, module, lines) })
	t.Run("exclusions leave out heartbeats alone", func(t *testing.T) { exclusionsLeaveOutHeartbeatsAlone(t, module, lines) })
	t.Run("queries ask for what there is", func(t *testing.T) { queriesAskForWhatThereIs(t, module, lines) })
	t.Run("alerts and playbooks", func(t *testing.T) { alertsHavePlaybooks(t, module) })
	t.Run("playbooks name real fields", func(t *testing.T) { playbooksNameRealFields(t, lines) })
	t.Run("the tables are whole", func(t *testing.T) { tablesAreWhole(t, module) })
}

// matching are the lines a filter matches.
func matching(t *testing.T, filter string, lines []entry) (out []entry) {
	t.Helper()
	for _, line := range lines {
		ok, err := line.matches(filter)
		if err != nil {
			t.Fatalf("%v in %v", err, line.fields)
		}
		if ok {
			out = append(out, line)
		}
	}
	return out
}

// metricsMatchRealLines: each filter matches lines, each value is a number in all
// of them, each label a text in some.
func metricsMatchRealLines(t *testing.T, module locals, lines []entry) {
	filters := module.object(t, "filters")
	seen := map[string][]string{}
	for key, metric := range module.object(t, "metrics") {
		matched := matching(t, filters[key].AsString(), lines)
		if len(matched) == 0 {
			t.Errorf("%s matches no line of a whole day", key)
		}
		labels := textsOf(metric, "labels")
		told := map[string]bool{}
		for _, line := range matched {
			if extractor := textOf(metric, "value"); extractor != "" {
				if v, err := line.extract(extractor); err != nil {
					t.Errorf("%s: %v", key, err)
				} else if _, ok := v.(float64); !ok {
					t.Errorf("%s: the value of %v is a %T", key, line.fields, v)
				}
			}
			var of []string
			for _, label := range slices.Sorted(maps.Keys(labels)) {
				v, err := line.extract(labels[label])
				if err != nil {
					t.Errorf("%s: %v", key, err)
				}
				text, ok := v.(string)
				if !ok && v != nil {
					t.Errorf("%s: label %s is a %T", key, label, v)
				}
				told[label] = told[label] || text != ""
				of = append(of, label+"="+text)
			}
			seen[key] = append(seen[key], strings.Join(of, " "))
		}
		for label := range labels {
			if !told[label] {
				t.Errorf("%s: no line fills label %s", key, label)
			}
		}
	}
	for key, series := range map[string][]string{
		"requests": {
			"code= operation=acquire outcome=created", "code= operation=acquire outcome=renewed",
			"code=no_seats_available operation=acquire outcome=refused", "code=unauthenticated operation=acquire outcome=refused",
			"code=unavailable operation=acquire outcome=failed", "code= operation=heartbeat outcome=kept",
			"code=session_ended operation=heartbeat outcome=refused", "code= operation=release outcome=released",
			"code= operation=deliver outcome=delivered",
			"code= operation=reap outcome=reaped", "code= operation=jwks outcome=answered", "code=not_found operation= outcome=refused",
		},
		"backend_failures": {
			"backend=firestore operation=acquire", "backend=firestore operation=", // the end that is yet to be recorded
			"backend=kms operation=reap", "backend=redis operation=acquire", "backend=redis operation=reap",
		},
		"watched_seats_used": {"license_id=acme-pro organization_id=acme"},
	} {
		for _, want := range series {
			if !slices.Contains(seen[key], want) {
				t.Errorf("%s has no %q", key, want)
			}
		}
	}
}

// alertsMatchRealLines: each alert on a line finds one, learns whose it is, and
// needs none that is not stored.
func alertsMatchRealLines(t *testing.T, module locals, lines []entry) {
	count := 0
	for key, alert := range module.object(t, "alerts") {
		if !alert.Type().HasAttribute("lines") || alert.Type().HasAttribute("source") { // source: lines of Cloud Scheduler
			continue
		}
		count++
		matched := matching(t, joined(module["lines"], alert.GetAttr("lines")), lines)
		if len(matched) == 0 {
			t.Errorf("%s matches no line", key)
		}
		for _, line := range matched {
			for label, extractor := range textsOf(alert, "labels") {
				if v, err := line.extract(extractor); err != nil || v == nil || v == "" {
					t.Errorf("%s: label %s is %v (%v) in %v", key, label, v, err, line.fields)
				}
			}
			for exclusion, filter := range module.object(t, "exclusions") {
				if ok, err := line.matches(joined(filter)); err != nil || ok {
					t.Errorf("%s needs a line that %s leaves out (%v)", key, exclusion, err)
				}
			}
		}
	}
	if count < 3 {
		t.Errorf("%d alerts on lines, want at least oversold, clock and pool-nearly-full", count)
	}
}

// exclusionsLeaveOutHeartbeatsAlone, those that went well.
func exclusionsLeaveOutHeartbeatsAlone(t *testing.T, module locals, lines []entry) {
	left := map[string]int{}
	for _, line := range lines {
		wanted := line.fields["jsonPayload.operation"] == "heartbeat" && line.fields["httpRequest.status"] == 200.0 && line.fields["severity"] == "INFO"
		excluded := false
		for key, filter := range module.object(t, "exclusions") {
			ok, err := line.matches(joined(filter))
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				left[key]++
			}
			excluded = excluded || ok
		}
		if excluded != wanted {
			t.Errorf("excluded is %t: %v", excluded, line.fields)
		}
	}
	if left["heartbeat-lines"] == 0 {
		t.Error("no heartbeat went well: this test saw nothing")
	}
	for _, tt := range []struct {
		name string
		log  string
		want string
		set  map[string]any
	}{
		{"Cloud Run's", "run.googleapis.com/requests", "heartbeat-requests", nil},
		{"Cloud Run's of a failure", "run.googleapis.com/requests", "", map[string]any{"httpRequest.status": 503.0}},
		{"Cloud Run's of another function", "run.googleapis.com/requests", "", map[string]any{"resource.labels.service_name": "licenses-acquire"}},
		{"the load balancer's", "requests", "heartbeat-edge", map[string]any{"resource.type": "http_load_balancer"}},
		{"what Cloud Armor refused", "requests", "", map[string]any{"resource.type": "http_load_balancer", "httpRequest.status": 429.0}},
		{"a release", "requests", "", map[string]any{
			"resource.type": "http_load_balancer", "httpRequest.requestUrl": "https://licenses.acme.example/api/v1/licenses/sessions/0199",
		}},
	} {
		e := entry{logID: tt.log, fields: map[string]any{
			"resource.type": "cloud_run_revision", "resource.labels.service_name": "licenses-heartbeat", "severity": "INFO", "httpRequest.status": 200.0,
			"httpRequest.requestUrl": "https://licenses.acme.example/api/v1/licenses/sessions/0199/heartbeat",
		}}
		maps.Copy(e.fields, tt.set)
		for key, filter := range module.object(t, "exclusions") {
			if ok, err := e.matches(joined(filter)); err != nil || ok != (key == tt.want) {
				t.Errorf("%s line: %s leaves it out: %t (%v)", tt.name, key, ok, err)
			}
		}
	}
}

// queriesAskForWhatThereIs: every PromQL parses, names metrics that are made here
// or by Google, and asks for labels and values that real lines have.
func queriesAskForWhatThereIs(t *testing.T, module locals, lines []entry) {
	queries := map[string]string{}
	for key, alert := range module.object(t, "alerts") {
		if query := textOf(alert, "query"); query != "" {
			queries["alert "+key] = query
		}
	}
	for _, chart := range module["charts"].AsValueSlice() {
		for legend, query := range textsOf(chart, "queries") {
			queries["chart "+textOf(chart, "title")+": "+legend] = query
		}
	}
	if len(queries) < 30 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for name, query := range queries {
		expr, err := metricsql.Parse(query)
		if err != nil || metricsql.IsLikelyInvalid(expr) {
			t.Errorf("%s: %s: %v", name, query, err)
			continue
		}
		metricsql.VisitAll(expr, func(e metricsql.Expr) {
			if m, ok := e.(*metricsql.MetricExpr); ok {
				for _, filters := range m.LabelFilterss {
					if err := askable(module, lines, filters); err != nil {
						t.Errorf("%s: %s: %v", name, query, err)
					}
				}
			}
		})
	}
}

// googleMetrics are those of the platform that are asked for, as of Google's lists
// (https://cloud.google.com/monitoring/api/metrics_gcp), with the labels used.
func googleMetrics() map[string][]string {
	service := []string{"monitored_resource", "service_name", "response_code", "response_code_class"}
	return map[string][]string{
		"run_googleapis_com:request_count":                                   service,
		"run_googleapis_com:request_latencies_bucket":                        service,
		"run_googleapis_com:container_startup_latencies_count":               service,
		"run_googleapis_com:container_instance_count":                        service,
		"memorystore_googleapis_com:instance_memory_maximum_utilization":     {"monitored_resource", "instance_id"},
		"memorystore_googleapis_com:instance_cpu_maximum_utilization":        {"monitored_resource", "instance_id"},
		"serviceruntime_googleapis_com:api_request_count":                    {"monitored_resource", "service"},
		"monitoring_googleapis_com:uptime_check_check_passed":                {"monitored_resource", "check_id"},
		"monitoring_googleapis_com:uptime_check_time_until_ssl_cert_expires": {"monitored_resource", "check_id"},
		"serviceruntime_googleapis_com:quota_rate_net_usage":                 {"monitored_resource", "service"},
		"serviceruntime_googleapis_com:quota_allocation_usage":               {"monitored_resource", "service"},
		"serviceruntime_googleapis_com:quota_limit":                          {"monitored_resource", "service"},
		"firestore_googleapis_com:storage_backups_storage_bytes":             {"monitored_resource", "database_id"},
	}
}

func askable(module locals, lines []entry, filters []metricsql.LabelFilter) error {
	name, allowed := "", []string(nil)
	var metric cty.Value
	for _, f := range filters {
		if f.Label != "__name__" {
			continue
		}
		name = f.Value
		allowed = googleMetrics()[name]
		for key, series := range module["series"].AsValueMap() {
			metric = module["metrics"].GetAttr(key)
			forms := []string{series.AsString()}
			if textOf(metric, "value") != "" {
				forms = []string{forms[0] + "_sum", forms[0] + "_count", forms[0] + "_bucket"}
			}
			if slices.Contains(forms, name) {
				allowed = append([]string{"monitored_resource"}, slices.Collect(maps.Keys(textsOf(metric, "labels")))...)
				break
			}
		}
	}
	if allowed == nil {
		return fmt.Errorf("nobody makes the metric %q", name)
	}
	if !slices.ContainsFunc(filters, func(f metricsql.LabelFilter) bool { return f.Label == "monitored_resource" }) {
		return fmt.Errorf("%s without its monitored resource is ambiguous", name)
	}
	for _, f := range filters {
		switch {
		case f.Label == "__name__":
		case !slices.Contains(allowed, f.Label):
			return fmt.Errorf("%s has no label %s", name, f.Label)
		case strings.HasPrefix(name, "logging_") && f.Label != "monitored_resource":
			if !slices.ContainsFunc(lines, func(e entry) bool { return e.fields["jsonPayload."+f.Label] == f.Value }) {
				return fmt.Errorf("no line has %s %q", f.Label, f.Value)
			}
		}
	}
	return nil
}
