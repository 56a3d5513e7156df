package main

import (
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// edge is what terraform/edge.tf says of routes.
type edge struct {
	// templates are those of the rules, in order; target is the function of each.
	templates []string
	target    map[string]string
	// tests are the paths that Google is asked to try, with the function that each must
	// lead to.
	tests map[string]string
}

func readEdge(t *testing.T) edge {
	t.Helper()
	parsed, diags := hclsyntax.ParseConfig([]byte(deploytest.Text(t, "terraform/edge.tf")), "edge.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	e := edge{target: map[string]string{}, tests: map[string]string{}}
	for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "locals" {
			continue
		}
		for _, rule := range literal(t, block, "routes").AsValueSlice() {
			template := rule.GetAttr("template").AsString()
			e.templates = append(e.templates, template)
			e.target[template] = rule.GetAttr("function").AsString()
		}
		for path, function := range literal(t, block, "route_tests").AsValueMap() {
			e.tests[path] = function.AsString()
		}
	}
	return e
}

// literal is a local value that needs no other.
func literal(t *testing.T, locals *hclsyntax.Block, name string) cty.Value {
	t.Helper()
	attribute := locals.Body.Attributes[name]
	if attribute == nil {
		t.Fatalf("edge.tf has no local.%s", name)
	}
	value, diags := attribute.Expr.Value(nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return value
}

// leadsTo is the function that gets a path; acquire gets what no rule takes.
func (e edge) leadsTo(path string) string {
	if rule := ruleOf(path, e.templates); rule != "" {
		return e.target[rule]
	}
	return "acquire"
}

// urlMap is the load balancer's, as far as plancheck looks at it.
func (e edge) urlMap() a {
	var rules, tests []a
	for i, template := range e.templates {
		rules = append(rules, a{"priority": i + 1, "match_rules": []a{{"path_template_match": template}}})
	}
	for path := range e.tests {
		tests = append(tests, a{"path": path})
	}
	return a{"test": tests, "path_matcher": []a{{"route_rules": rules}}}
}

// TestEveryPathLeadsToItsFunction: what a public function declares goes to it, and what
// is not for the world to acquire, which answers 404.
func TestEveryPathLeadsToItsFunction(t *testing.T) {
	e := readEdge(t)
	for _, served := range functions.Contract() {
		want := served.Function
		if slices.Contains([]string{"reaper", "control", "deliver"}, want) {
			want = "acquire"
		}
		for _, operation := range served.Operations {
			if got := e.leadsTo(somePath(operation.Path)); got != want {
				t.Errorf("%s of %s leads to %s, want %s", operation.Path, served.Function, got, want)
			}
		}
	}
	wantFault(t, mustRead(t, planned{"google_compute_url_map", e.urlMap()}).routes(functions.Contract()...), "")
}

// TestRouteTestsHold: an apply fails at the first that does not.
func TestRouteTestsHold(t *testing.T) {
	e := readEdge(t)
	if len(e.templates) < 10 || len(e.tests) < 15 {
		t.Fatalf("%d rules and %d tests were found", len(e.templates), len(e.tests))
	}
	for path, want := range e.tests {
		if got := e.leadsTo(path); got != want {
			t.Errorf("%s leads to %s, its test wants %s", path, got, want)
		}
	}
}
