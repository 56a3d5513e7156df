package functions_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// documented is the contract as the tests of answers look things up in it.
var documented = sync.OnceValue(document)

// checkDocumented: an answer of an operation is one that its declaration lists,
// with the problem's code. Paths that nobody declares are not looked at.
func (a answer) checkDocumented(t *testing.T, method, path string) {
	t.Helper()
	op := operationAt(documented(), method, path)
	if op == nil {
		return
	}
	response := op.Responses[strconv.Itoa(a.status)]
	if response == nil {
		t.Errorf("%s: %s does not declare the status %d", a.what, op.OperationID, a.status)
		return
	}
	if media := response.Content[api.ContentTypeProblem]; a.header.Get("Content-Type") == api.ContentTypeProblem {
		var p api.Problem
		if err := json.Unmarshal(a.body, &p); err != nil || media == nil || media.Examples[string(p.Code)] == nil {
			t.Errorf("%s: %s does not declare %s (%v)", a.what, op.OperationID, p.Code, err)
		}
	}
}

// operationAt is the operation that is declared for a path; nil if none is.
func operationAt(doc *huma.OpenAPI, method, path string) *huma.Operation {
	path, _, _ = strings.Cut(path, "?")
	for template, item := range doc.Paths {
		if !fits(template, path) {
			continue
		}
		return map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		}[method]
	}
	return nil
}

// fits compares segment by segment; a parameter takes any, but what is done to it by a
// word behind a colon is another path.
func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool {
		_, act, isParam := strings.Cut(w, "}")
		_, asked, _ := strings.Cut(g, ":")
		return w == g || isParam && strings.TrimPrefix(act, ":") == asked
	})
}

// TestEachFunctionServesItsOwn: what its declarations say and nothing of the others.
func TestEachFunctionServesItsOwn(t *testing.T) {
	stack := start(t, embedded(), devstack.Defaults()).stack
	apps := map[string]*web.App{"acquire": stack.Acquire, "heartbeat": stack.Heartbeat, "release": stack.Release, "reaper": stack.Reaper, "control": stack.Control, "admin": stack.Admin, "deliver": stack.Deliver}
	served := map[string]bool{}
	for _, s := range functions.Contract() {
		served[s.Function] = true
		for _, op := range s.Operations {
			for name, app := range apps {
				w := httptest.NewRecorder()
				app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodTrace, op.Path, nil))
				want := http.StatusNotFound
				if name == s.Function {
					want = http.StatusMethodNotAllowed
				}
				if w.Code != want {
					t.Errorf("%s at %s: %d, want %d", name, op.Path, w.Code, want)
				}
			}
		}
	}
	if !maps.EqualFunc(served, apps, func(bool, *web.App) bool { return true }) {
		t.Errorf("the contract has %v", served)
	}
}

// TestSchemasAreAskedOrAnswered: a request's schemas are closed to unknown members,
// an answer's can grow, so no schema may be both.
func TestSchemasAreAskedOrAnswered(t *testing.T) {
	doc := document()
	asked, answered := map[string]bool{}, map[string]bool{}
	for _, op := range operations(doc) {
		if op.RequestBody != nil {
			for _, media := range op.RequestBody.Content {
				collect(doc, media.Schema, asked)
			}
		}
		for _, response := range op.Responses {
			for _, media := range response.Content {
				collect(doc, media.Schema, answered)
			}
		}
	}
	if len(asked) < 2 || len(answered) < 6 {
		t.Errorf("found %v and %v", asked, answered)
	}
	for name := range asked {
		if answered[name] {
			t.Errorf("%s is asked and answered: give the answer a type of its own", name)
		}
	}
}

// collect notes the named schemas that s is made of.
func collect(doc *huma.OpenAPI, s *huma.Schema, names map[string]bool) {
	if s == nil {
		return
	}
	if s.Ref != "" && !names[s.Ref] {
		names[s.Ref] = true
		collect(doc, doc.Components.Schemas.SchemaFromRef(s.Ref), names)
	}
	collect(doc, s.Items, names)
	for _, member := range s.Properties {
		collect(doc, member, names)
	}
}
