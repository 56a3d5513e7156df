package observability

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

const moduleFolder = "terraform/modules/observability"

// locals are the module's local values as Terraform would
// compute them: the filters, extractors and queries that go to Google, not what
// this test thinks they are.
type locals map[string]cty.Value

func readModule(t *testing.T) locals {
	t.Helper()
	files, err := filepath.Glob(deploytest.Path(t, moduleFolder+"/*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no module at %s (%v)", moduleFolder, err)
	}
	pending := map[string]hcl.Expression{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, diags := hclsyntax.ParseConfig(source, file, hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
			if block.Type == "locals" {
				for name, attribute := range block.Body.Attributes {
					pending[name] = attribute.Expr
				}
			}
		}
	}
	return evaluate(t, pending)
}

// evaluate computes local values in the order they need each other.
func evaluate(t *testing.T, pending map[string]hcl.Expression) locals {
	t.Helper()
	done := locals{}
	for len(pending) > 0 {
		before := len(pending)
		for name, expr := range pending {
			if !ready(expr, done) {
				continue
			}
			value, diags := expr.Value(evalContext(done))
			if diags.HasErrors() {
				t.Fatalf("local.%s: %v", name, diags)
			}
			done[name] = value
			delete(pending, name)
		}
		if len(pending) == before {
			t.Fatalf("local values need each other, or one that is not there: %v", pending)
		}
	}
	return done
}

func ready(expr hcl.Expression, done locals) bool {
	for _, traversal := range expr.Variables() {
		if traversal.RootName() != "local" {
			continue
		}
		if step, ok := traversal[1].(hcl.TraverseAttr); !ok || done[step.Name] == cty.NilVal {
			return false
		}
	}
	return true
}

// evalContext has the variables an operator could set, and of resources
// what only Google knows.
func evalContext(locals locals) *hcl.EvalContext {
	text, number := cty.StringVal, cty.NumberFloatVal
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"local": cty.ObjectVal(locals),
			"var": cty.ObjectVal(map[string]cty.Value{
				"project_id": text("acme-licenses"), "region": text("us-central1"), "name": text("licenses"), "domain": text("licenses.acme.example"),
				"services": cty.MapVal(map[string]cty.Value{
					"acquire": text("licenses-acquire"), "heartbeat": text("licenses-heartbeat"), "release": text("licenses-release"), "reaper": text("licenses-reaper"),
					"control": text("licenses-control"), "admin": text("licenses-admin"), "deliver": text("licenses-deliver"),
				}),
				"ledger_instance": text("licenses"), "kms_key": text("projects/p/locations/l/keyRings/r/cryptoKeys/k"),
				"scheduler_jobs": cty.ObjectVal(map[string]cty.Value{"reaper": text("licenses-reaper"), "deliver": text("licenses-deliver"), "rotation": text("licenses-rotation")}),
				"key_users":      cty.ListVal([]cty.Value{text("licenses-reaper@acme-licenses.iam.gserviceaccount.com")}),
				"delegations": cty.ObjectVal(map[string]cty.Value{
					"key":     text("projects/p/locations/l/keyRings/r/cryptoKeys/d"),
					"makers":  cty.ListVal([]cty.Value{text("licenses-reaper@acme-licenses.iam.gserviceaccount.com")}),
					"readers": cty.ListVal([]cty.Value{text("licenses-acquire@acme-licenses.iam.gserviceaccount.com"), text("licenses-heartbeat@acme-licenses.iam.gserviceaccount.com")}),
				}),
				"record_database": text("(default)"), "build_region": text("us-central1"),
				"max_instances":         cty.MapVal(map[string]cty.Value{"acquire": number(4), "admin": number(3), "heartbeat": number(4), "release": number(4)}),
				"watched_organizations": cty.SetVal([]cty.Value{text("acme"), text("globex")}),
				"playbooks_url":         text("https://playbooks.example"),
				"slo": cty.ObjectVal(map[string]cty.Value{
					"availability": number(0.999), "latency": number(0.99), "latency_ms": number(1000), "days": number(30),
				}),
				"thresholds": cty.ObjectVal(map[string]cty.Value{
					"pool_percent": number(90), "ledger_memory_percent": number(80), "signing_key_days": number(100),
					"reaper_silent_minutes": number(5), "backend_failures": number(5), "rebuild_minutes": number(15),
					"quota_percent": number(80), "instances_percent": number(80), "certificate_days": number(21),
					"delegation_hours": number(9), "tokens_per_seat": number(11), "kms_failures": number(5),
					"control_failures": number(2), "admin_failures": number(5), "deliver_silent_minutes": number(15), "event_wait_minutes": number(15),
				}),
			}),
			"google_monitoring_uptime_check_config": cty.ObjectVal(map[string]cty.Value{"this": cty.ObjectVal(map[string]cty.Value{"uptime_check_id": text("check")})}),
			"google_monitoring_slo": cty.ObjectVal(map[string]cty.Value{"this": cty.ObjectVal(map[string]cty.Value{
				"availability":    cty.ObjectVal(map[string]cty.Value{"name": text("slo-a")}),
				"acquire-latency": cty.ObjectVal(map[string]cty.Value{"name": text("slo-l")}),
			})}),
		},
		Functions: map[string]function.Function{
			"can": tryfunc.CanFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "join": stdlib.JoinFunc, "keys": stdlib.KeysFunc,
			"length": stdlib.LengthFunc, "merge": stdlib.MergeFunc, "replace": stdlib.ReplaceFunc, "sort": stdlib.SortFunc,
			"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "try": tryfunc.TryFunc, "values": stdlib.ValuesFunc,
		},
	}
}

// object is a local value's attributes.
func (m locals) object(t *testing.T, name string) map[string]cty.Value {
	t.Helper()
	if m[name] == cty.NilVal || m[name].IsNull() || m[name].LengthInt() == 0 {
		t.Fatalf("the module has no local.%s, or nothing in it", name)
	}
	return m[name].AsValueMap()
}

// textOf is an attribute that is a text; empty if it is not there.
func textOf(v cty.Value, name string) string {
	if !v.Type().HasAttribute(name) || v.GetAttr(name).IsNull() {
		return ""
	}
	return v.GetAttr(name).AsString()
}

// textsOf is an attribute that maps names to texts.
func textsOf(v cty.Value, name string) map[string]string {
	out := map[string]string{}
	if v.Type().HasAttribute(name) && v.GetAttr(name).LengthInt() > 0 {
		for key, value := range v.GetAttr(name).AsValueMap() {
			out[key] = value.AsString()
		}
	}
	return out
}

// joined joins what the module joins.
func joined(lists ...cty.Value) string {
	var parts []string
	for _, list := range lists {
		for _, part := range list.AsValueSlice() {
			parts = append(parts, part.AsString())
		}
	}
	return strings.Join(parts, "\nAND ")
}
