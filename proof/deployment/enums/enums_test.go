package enums

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// enum is a type of an API's Go package that says which words there are.
type enum struct{ module, folder, name string }

// sentAs says of which enum a word is, by where it is written: a resource's type
// and the path of its argument, or a variable's or local value's. * is one name.
func sentAs() map[string]enum {
	const (
		artifacts, builds  = "cloud.google.com/go/artifactregistry", "cloud.google.com/go/cloudbuild"
		compute, firestore = "cloud.google.com/go/compute", "cloud.google.com/go/firestore"
		kms, monitoring    = "cloud.google.com/go/kms", "cloud.google.com/go/monitoring"
		valkey, run        = "cloud.google.com/go/memorystore", "cloud.google.com/go/run"
		genproto           = "google.golang.org/genproto"
	)
	of := func(module, folder string) func(string) enum {
		return func(name string) enum { return enum{module, folder, name} }
	}
	computepb, adminpb := of(compute, "apiv1/computepb"), of(firestore, "apiv1/admin/adminpb")
	kmspb, memorystorepb, runpb := of(kms, "apiv1/kmspb"), of(valkey, "apiv1/memorystorepb"), of(run, "apiv2/runpb")
	monitoringpb, dashboardpb := of(monitoring, "apiv3/v2/monitoringpb"), of(monitoring, "dashboard/apiv1/dashboardpb")
	artifactregistrypb := of(artifacts, "apiv1/artifactregistrypb")
	budgetspb := of("cloud.google.com/go/billing", "budgets/apiv1/budgetspb")
	logType := enum{"cloud.google.com/go/iam", "apiv1/iampb", "AuditLogConfig_LogType"}
	repository := of(builds, "apiv1/v2/cloudbuildpb")("GitFileSource_RepoType")
	weekday := enum{genproto, "googleapis/type/dayofweek", "DayOfWeek"}
	label := enum{genproto + "/googleapis/api", "label", "LabelDescriptor_ValueType"}
	metric := of(genproto+"/googleapis/api", "metric")
	method := of("cloud.google.com/go/scheduler", "apiv1/schedulerpb")("HttpMethod")
	mfa := enum{"google.golang.org/api", "identitytoolkit/v2", "State: Whether MultiFactor Authentication has been enabled for this project."}
	nodeType, mode := memorystorepb("Instance_NodeType"), memorystorepb("Instance_Mode")
	return map[string]enum{
		"google_artifact_registry_repository.cleanup_policies.action":                                       artifactregistrypb("CleanupPolicy_Action"),
		"google_artifact_registry_repository.cleanup_policies.condition.tag_state":                          artifactregistrypb("CleanupPolicyCondition_TagState"),
		"google_artifact_registry_repository.format":                                                        artifactregistrypb("Repository_Format"),
		"google_billing_budget.budget_filter.calendar_period":                                               budgetspb("CalendarPeriod"),
		"google_billing_budget.threshold_rules.spend_basis":                                                 budgetspb("ThresholdRule_Basis"),
		"google_cloud_run_v2_service.template.execution_environment":                                        runpb("ExecutionEnvironment"),
		"google_cloud_run_v2_service.template.vpc_access.egress":                                            runpb("VpcAccess_VpcEgress"),
		"google_cloud_run_v2_service.traffic.type":                                                          runpb("TrafficTargetAllocationType"),
		"google_cloud_scheduler_job.http_target.http_method":                                                method,
		"google_cloudbuild_trigger.git_file_source.repo_type":                                               repository,
		"google_cloudbuild_trigger.source_to_build.repo_type":                                               repository,
		"google_compute_backend_service.load_balancing_scheme":                                              computepb("BackendService_LoadBalancingScheme"),
		"google_compute_backend_service.protocol":                                                           computepb("BackendService_Protocol"),
		"google_compute_global_address.for_each":                                                            computepb("Address_IpVersion"),
		"google_compute_global_forwarding_rule.ip_protocol":                                                 computepb("ForwardingRule_IPProtocolEnum"),
		"google_compute_global_forwarding_rule.load_balancing_scheme":                                       computepb("ForwardingRule_LoadBalancingScheme"),
		"google_compute_network.routing_mode":                                                               computepb("NetworkRoutingConfig_RoutingMode"),
		"google_compute_region_network_endpoint_group.network_endpoint_type":                                computepb("NetworkEndpointGroup_NetworkEndpointType"),
		"google_compute_security_policy.advanced_options_config.json_parsing":                               computepb("SecurityPolicyAdvancedOptionsConfig_JsonParsing"),
		"google_compute_security_policy.advanced_options_config.log_level":                                  computepb("SecurityPolicyAdvancedOptionsConfig_LogLevel"),
		"google_compute_security_policy.rule.match.versioned_expr":                                          computepb("SecurityPolicyRuleMatcher_VersionedExpr"),
		"google_compute_security_policy.rule.rate_limit_options.enforce_on_key":                             computepb("SecurityPolicyRuleRateLimitOptions_EnforceOnKey"),
		"google_compute_security_policy.type":                                                               computepb("SecurityPolicy_Type"),
		"google_compute_ssl_policy.min_tls_version":                                                         computepb("SslPolicy_MinTlsVersion"),
		"google_compute_ssl_policy.profile":                                                                 computepb("SslPolicy_Profile"),
		"google_firestore_backup_schedule.weekly_recurrence.day":                                            weekday,
		"google_firestore_database.app_engine_integration_mode":                                             adminpb("Database_AppEngineIntegrationMode"),
		"google_firestore_database.concurrency_mode":                                                        adminpb("Database_ConcurrencyMode"),
		"google_firestore_database.database_edition":                                                        adminpb("Database_DatabaseEdition"),
		"google_firestore_database.delete_protection_state":                                                 adminpb("Database_DeleteProtectionState"),
		"google_firestore_database.point_in_time_recovery_enablement":                                       adminpb("Database_PointInTimeRecoveryEnablement"),
		"google_firestore_database.type":                                                                    adminpb("Database_DatabaseType"),
		"google_firestore_field.index_config.indexes.order":                                                 adminpb("Index_IndexField_Order"),
		"google_firestore_field.index_config.indexes.query_scope":                                           adminpb("Index_QueryScope"),
		"google_firestore_index.fields.order":                                                               adminpb("Index_IndexField_Order"),
		"google_kms_crypto_key.purpose":                                                                     kmspb("CryptoKey_CryptoKeyPurpose"),
		"google_kms_crypto_key.version_template.algorithm":                                                  kmspb("CryptoKeyVersion_CryptoKeyVersionAlgorithm"),
		"google_logging_metric.metric_descriptor.labels.value_type":                                         label,
		"google_logging_metric.metric_descriptor.metric_kind":                                               metric("MetricDescriptor_MetricKind"),
		"google_logging_metric.metric_descriptor.value_type":                                                metric("MetricDescriptor_ValueType"),
		"google_memorystore_instance.authorization_mode":                                                    memorystorepb("Instance_AuthorizationMode"),
		"google_memorystore_instance.persistence_config.aof_config.append_fsync":                            memorystorepb("PersistenceConfig_AOFConfig_AppendFsync"),
		"google_memorystore_instance.persistence_config.mode":                                               memorystorepb("PersistenceConfig_PersistenceMode"),
		"google_memorystore_instance.server_ca_mode":                                                        memorystorepb("Instance_ServerCaMode"),
		"google_memorystore_instance.transit_encryption_mode":                                               memorystorepb("Instance_TransitEncryptionMode"),
		"google_memorystore_instance.zone_distribution_config.mode":                                         memorystorepb("ZoneDistributionConfig_ZoneDistributionMode"),
		"google_monitoring_alert_policy.combiner":                                                           monitoringpb("AlertPolicy_ConditionCombinerType"),
		"google_monitoring_alert_policy.conditions.condition_threshold.comparison":                          monitoringpb("ComparisonType"),
		"google_monitoring_uptime_check_config.content_matchers.matcher":                                    monitoringpb("UptimeCheckConfig_ContentMatcher_ContentMatcherOption"),
		"google_project_iam_audit_config.audit_log_config.log_type":                                         logType,
		"local.abuse_alerts.*.severity":                                                                     monitoringpb("AlertPolicy_Severity"),
		"local.alerts.*.severity":                                                                           monitoringpb("AlertPolicy_Severity"),
		"local.burn_widgets.xyChart.dataSets.plotType":                                                      dashboardpb("XyChart_DataSet_PlotType"),
		"local.burn_widgets.xyChart.dataSets.timeSeriesQuery.timeSeriesFilter.aggregation.perSeriesAligner": dashboardpb("Aggregation_Aligner"),
		"local.burns.*.severity":                                                                            monitoringpb("AlertPolicy_Severity"),
		"local.chart_widgets.xyChart.dataSets.plotType":                                                     dashboardpb("XyChart_DataSet_PlotType"),
		"local.ingress.*":                  runpb("IngressTraffic"),
		"local.sizes.*.ledger.node_type":   nodeType,
		"var.audit_logs.*":                 logType,
		"var.identity.mfa":                 mfa,
		"var.ledger.maintenance.day":       weekday,
		"var.ledger.mode":                  mode,
		"var.ledger.node_type":             nodeType,
		"var.signing_key.protection_level": kmspb("ProtectionLevel"),
	}
}

// noEnum are words in capitals that no API has a type for.
func noEnum() map[string]string {
	return map[string]string{
		"google_firestore_database.deletion_policy": "the provider's own: nothing is sent",
		"google_kms_crypto_key.deletion_policy":     "the provider's own: nothing is sent",
		"google_storage_bucket.location":            "a location, as bucket locations are written",
		"local.dns_records.*.type":                  "types of DNS records, which the API takes as text",
		"var.ledger.engine_version":                 "the API takes it as text; docs/operations.md says which there are",
		"var.settings":                              "names of environment variables, which plancheck knows",
	}
}

// TestEveryWordIsTheAPIs: every word in capitals is one that its API knows, and
// what no type is known for fails: say where it belongs.
func TestEveryWordIsTheAPIs(t *testing.T) {
	words := readWords(t)
	seen := map[string]bool{}
	known := map[enum]map[string]bool{}
	for _, w := range words {
		if pattern := place(w.path, noEnum()); pattern != "" {
			seen[pattern] = true
			continue
		}
		pattern := place(w.path, sentAs())
		if pattern == "" {
			t.Errorf("%s: %s = %q: of which enum is it? Add its place to sentAs", w.file, w.path, w.text)
			continue
		}
		seen[pattern] = true
		of := sentAs()[pattern]
		if known[of] == nil {
			known[of] = readEnum(t, of)
		}
		if !known[of][w.text] || strings.HasSuffix(w.text, "_UNSPECIFIED") {
			t.Errorf("%s: %s = %q: %s knows %v", w.file, w.path, w.text, of.name, slices.Sorted(maps.Keys(known[of])))
		}
	}
	for _, table := range []map[string]bool{keys(sentAs()), keys(noEnum())} {
		for pattern := range table {
			if !seen[pattern] {
				t.Errorf("nothing is written at %s any more", pattern)
			}
		}
	}
}

func keys[V any](m map[string]V) map[string]bool {
	out := map[string]bool{}
	for key := range m {
		out[key] = true
	}
	return out
}

// place is the entry of a table for a path; empty if there is none.
func place[V any](path string, table map[string]V) string {
	for pattern := range table {
		if matchPath(pattern, path) {
			return pattern
		}
	}
	return ""
}

func matchPath(pattern, path string) bool {
	return slices.EqualFunc(strings.Split(pattern, "."), strings.Split(path, "."), func(want, got string) bool {
		return want == "*" || want == got
	})
}

// readEnum is the words of an enum, out of the source that the API's module has.
func readEnum(t *testing.T, of enum) map[string]bool {
	t.Helper()
	source := deploytest.ModuleSource(t, of.module, of.folder)
	words := map[string]bool{}
	if field, comment, ok := strings.Cut(of.name, ": "); ok { // of a REST API, by a field's comment
		_, rest, found := strings.Cut(source, "// "+field+": "+comment+"\n")
		rest, _, _ = strings.Cut(rest, "\n\t"+field+" string")
		if !found {
			t.Fatalf("%s/%s has no field with the comment %q", of.module, of.folder, of.name)
		}
		for _, m := range regexp.MustCompile(`//   "(\w+)" - `).FindAllStringSubmatch(rest, -1) {
			words[m[1]] = true
		}
	} else {
		_, rest, found := strings.Cut(source, "\t"+of.name+"_value = map[string]int32{\n")
		rest, _, _ = strings.Cut(rest, "\n\t}")
		if !found {
			t.Fatalf("%s/%s has no type %s", of.module, of.folder, of.name)
		}
		for _, m := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(rest, -1) {
			words[m[1]] = true
		}
	}
	if len(words) < 2 {
		t.Fatalf("%s has only %v", of.name, words)
	}
	return words
}

// TestAWrongWordIsNoticed: what was once written is refused.
func TestAWrongWordIsNoticed(t *testing.T) {
	const path = "google_memorystore_instance.persistence_config.aof_config.append_fsync"
	words := readEnum(t, sentAs()[path])
	if words["EVERYSEC"] || !words["EVERY_SEC"] {
		t.Errorf("append_fsync knows %v", words)
	}
	text := `resource "google_memorystore_instance" "x" {
  persistence_config {
    aof_config {
      append_fsync = var.x ? "EVERYSEC" : "ALWAYS"
    }
  }
}`
	var got []string
	for _, w := range wordsOf(t, "x.tf", text) {
		got = append(got, fmt.Sprint(w.path, "=", w.text))
	}
	if want := []string{path + "=EVERYSEC", path + "=ALWAYS"}; !slices.Equal(got, want) {
		t.Errorf("words %q, want %q", got, want)
	}
}
