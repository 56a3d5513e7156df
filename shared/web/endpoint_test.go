package web_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// These tests show what an endpoint costs: the declaration in endpoints, beside
// its handler, and the types of its bodies. Routing, 404 and 405, the refusal of
// roles and the document follow.

// polish and polished are the wire types of a made-up operation.
type polish struct {
	Cloth  string  `json:"cloth" minLength:"1" doc:"What to polish with."`
	Places []place `json:"places,omitempty" doc:"Where."`
}

type place struct {
	Name string `json:"name" doc:"The place's name."`
}

type polished struct {
	Shine int `json:"shine" doc:"How much it shines."`
}

// workshop is a made-up function.
type workshop struct {
	caller license.Caller
	did    string
	in     polish
}

func (f *workshop) polish(_ context.Context, c web.Call, in polish) (web.Answer, error) {
	f.did, f.in = "polish "+c.Param("organization_id")+" "+c.Param("part"), in
	return web.Answer{Body: polished{Shine: 3}}, nil
}

func (f *workshop) do(what string) func(context.Context, web.Call, struct{}) (web.Answer, error) {
	return func(_ context.Context, _ web.Call, _ struct{}) (web.Answer, error) {
		f.did = what
		return web.Answer{Status: http.StatusNoContent}, nil
	}
}

func parts(personal bool) []web.Param {
	return []web.Param{
		{Name: "organization_id", Description: "Whose.", Pattern: "^[a-z]+$", Missing: api.OrganizationNotFound},
		{Name: "part", Description: "Which.", Pattern: "^[a-z0-9]{1,8}$", Personal: personal},
	}
}

func (f *workshop) routes() []web.Route {
	return []web.Route{
		web.Handle(web.Operation{
			ID: "polish", Method: http.MethodPost, Path: "/works/{organization_id}/parts/p-{part}:polish", Params: parts(false),
			Summary: "Polish a part", Description: "Makes it shine.", Roles: []license.Role{license.RoleOwner, license.RoleAdmin},
			Query:    []web.Param{{Name: "slowly", Description: "With care.", Enum: []any{"yes"}}},
			Body:     web.BodyRequired,
			Answers:  []web.Documented{{Status: http.StatusOK, Description: "It shines.", Body: polished{Shine: 3}}},
			Problems: []api.Code{api.LicenseExpired},
		}, f.polish),
		// The rest has paths that could be taken for one another.
		web.Handle(web.Operation{ID: "drop", Method: http.MethodDelete, Path: "/works/{organization_id}/parts/{part}", Params: parts(true)}, f.do("drop")),
		web.Handle(web.Operation{ID: "show", Method: http.MethodGet, Path: "/works/{organization_id}/parts/{part}", Params: parts(true)}, f.do("show")),
		web.Handle(web.Operation{ID: "dropAll", Method: http.MethodDelete, Path: "/works/{organization_id}/parts/all", Params: parts(true)[:1]}, f.do("drop all")),
		web.Handle(web.Operation{ID: "list", Method: http.MethodGet, Path: "/works/mine/parts/{part}", Params: parts(true)[1:]}, f.do("show mine")),
	}
}

func (f *workshop) open(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, nil)
	b.app = web.NewApp(web.Options{Name: "workshop", Logger: telemetry.NewLogger(b.log, 0)},
		users(func(context.Context, string) (license.Caller, error) { return f.caller, nil }), f.routes()...)
	return b
}

func owner() license.Caller {
	return license.Caller{OrganizationID: "acme", UserID: "o", Role: license.RoleOwner}
}

func TestMadeUpEndpointIsRouted(t *testing.T) {
	for _, tt := range []struct {
		method, path, did string
		code              api.Code
		allow, logged     string
	}{
		{"POST", "/works/acme/parts/p-7:polish", "polish acme 7", "", "", "/works/acme/parts/p-7:polish"},
		{"GET", "/works/acme/parts/p-7:polish", "", api.MethodNotAllowed, "POST", "/works/{organization_id}/parts/p-{part}:polish"},
		{"POST", "/works/ACME/parts/p-7:polish", "", api.OrganizationNotFound, "", "/works/{organization_id}/parts/p-{part}:polish"},
		{"POST", "/works/acme/parts/p-SEVEN:polish", "", api.NotFound, "", "/works/{organization_id}/parts/p-{part}:polish"},
		{"POST", "/works/acme/parts/p-%37:polish", "", api.NotFound, "", "/works/{organization_id}/parts/p-{part}:polish"},
		{"POST", "/works/acme/parts/p-:polish", "", api.MethodNotAllowed, "DELETE, GET, HEAD", "/works/{organization_id}/parts/{part}"},
		{"POST", "/works//parts/p-7:polish", "", api.NotFound, "", "/works//parts/p-7:polish"},
		{"POST", "/works/acme/parts/p-7:polish/", "", api.NotFound, "", "/works/acme/parts/p-7:polish/"},
		{"POST", "/works/acme/p-7:polish", "", api.NotFound, "", "/works/acme/p-7:polish"},
		// A special path is meant before a general one, whatever the method.
		{"DELETE", "/works/acme/parts/7", "drop", "", "", "/works/acme/parts/{part}"},
		{"GET", "/works/acme/parts/7", "show", "", "", "/works/acme/parts/{part}"},
		{"DELETE", "/works/acme/parts/all", "drop all", "", "", "/works/acme/parts/all"},
		{"GET", "/works/acme/parts/all", "", api.MethodNotAllowed, "DELETE", "/works/{organization_id}/parts/all"},
		{"GET", "/works/mine/parts/all", "show mine", "", "", "/works/mine/parts/{part}"},
		{"DELETE", "/works/mine/parts/all", "", api.MethodNotAllowed, "GET, HEAD", "/works/mine/parts/{part}"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			f := &workshop{caller: owner()}
			b := f.open(t)
			body := ""
			if strings.Contains(tt.path, "polish") {
				body = `{"cloth":"silk","places":[{"name":"rim"}]}`
			}
			w := b.do(tt.method, tt.path, body)
			if f.did != tt.did {
				t.Errorf("it did %q, want %q: %d %s", f.did, tt.did, w.Code, w.Body)
			}
			if tt.code != "" {
				problem(t, w, tt.code)
			}
			if got := w.Header().Get("Allow"); got != tt.allow {
				t.Errorf("Allow = %q, want %q", got, tt.allow)
			}
			if got := b.lines(t)[0]["httpRequest"].(map[string]any)["requestUrl"]; got != tt.logged {
				t.Errorf("the log says %q, want %q", got, tt.logged)
			}
		})
	}
}

// TestMadeUpEndpointRefusesRoles, after it knows the caller and before it reads
// what the caller sent.
func TestMadeUpEndpointRefusesRoles(t *testing.T) {
	for role, admitted := range map[license.Role]bool{
		license.RoleOwner: true, license.RoleAdmin: true, license.RoleMember: false, license.RoleService: false, "": false, "Owner": false,
	} {
		f := &workshop{caller: license.Caller{OrganizationID: "acme", UserID: "u", Role: role}}
		b := f.open(t)
		w := b.do("POST", "/works/acme/parts/p-7:polish", `{"cloth":""}`)
		if admitted {
			problem(t, w, api.InvalidRequest)
		} else {
			problem(t, w, api.Forbidden)
		}
		if w := b.do("GET", "/works/acme/parts/7", ""); w.Code != http.StatusNoContent {
			t.Errorf("%q is not let in where no role is asked for: %d", role, w.Code)
		}
	}
}

// TestMadeUpEndpointIsServedBesideOthers: by the function that has its path.
func TestMadeUpEndpointIsServedBesideOthers(t *testing.T) {
	f := &workshop{caller: owner()}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/works/acme/parts/7", nil)
	r.Header.Set("Authorization", "Bearer x")
	web.Join(newBench(t, nil).app, f.open(t).app).ServeHTTP(w, r)
	if f.did != "show" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMadeUpEndpointIsDocumented(t *testing.T) {
	doc := web.OpenAPI(web.Served{Function: "workshop", Operations: web.Operations((*workshop)(nil).routes()...)})
	op := doc.Paths["/works/{organization_id}/parts/p-{part}:polish"].Post
	if op.OperationID != "polish" || op.Description != "Makes it shine. For the roles owner, admin." || len(op.Security) != 1 {
		t.Errorf("%+v", op)
	}
	var params []string
	for _, p := range op.Parameters {
		params = append(params, strings.TrimSpace(p.In+" "+p.Name+" "+p.Schema.Pattern))
	}
	if want := []string{"path organization_id ^[a-z]+$", "path part ^[a-z0-9]{1,8}$", "query slowly"}; !slices.Equal(params, want) {
		t.Errorf("parameters %q, want %q", params, want)
	}
	// 400, 401, 403 (tenant, role, declared), 404 (path, organization), 405, 413, 415, 429, 500, 503.
	want := "invalid_request unauthenticated forbidden license_expired tenant_missing not_found organization_not_found method_not_allowed request_timeout payload_too_large unsupported_media_type rate_limited internal unavailable"
	if got := strings.Join(documentedCodes(op), " "); got != want {
		t.Errorf("codes %s\nwant  %s", got, want)
	}
	if doc.Paths["/live"] == nil || doc.Paths["/ready"] == nil {
		t.Error("the probes are not documented")
	}
	// What is asked is closed to unknown members, in depth; what is answered can grow.
	schemas := doc.Components.Schemas.Map()
	if schemas["Polish"].AdditionalProperties != false || schemas["Place"].AdditionalProperties != false || schemas["Polished"].AdditionalProperties != nil {
		t.Errorf("closed: %v %v %v", schemas["Polish"].AdditionalProperties, schemas["Place"].AdditionalProperties, schemas["Polished"].AdditionalProperties)
	}
}

// documentedCodes are the operation's, by status and name.
func documentedCodes(op *huma.Operation) []string {
	var codes []string
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if media := op.Responses[status].Content[api.ContentTypeProblem]; media != nil {
			codes = append(codes, slices.Sorted(maps.Keys(media.Examples))...)
		}
	}
	return codes
}

// TestMadeUpEndpointDecodes in depth.
func TestMadeUpEndpointDecodes(t *testing.T) {
	f := &workshop{caller: owner()}
	b := f.open(t)
	b.do("POST", "/works/acme/parts/p-7:polish", `{"cloth":"silk","places":[{"name":"rim"},{"name":"hub"}]}`)
	if want := (polish{Cloth: "silk", Places: []place{{"rim"}, {"hub"}}}); !reflect.DeepEqual(f.in, want) {
		t.Errorf("decoded %+v", f.in)
	}
	p := problem(t, b.do("POST", "/works/acme/parts/p-7:polish", `{"cloth":"silk","places":[{"name":"rim"},{"name":"a","name":"b"}]}`), api.InvalidRequest)
	if want := (api.FieldError{Field: "places.1.name", Message: "is given twice; send it once"}); len(p.Errors) != 1 || p.Errors[0] != want {
		t.Errorf("faults %+v", p.Errors)
	}
}

// TestParamThatIsNotThere fails loudly, and as our fault.
func TestParamThatIsNotThere(t *testing.T) {
	b := newBench(t, nil)
	b.app = web.NewApp(web.Options{}, nil, web.Handle(keySet(), func(_ context.Context, c web.Call, _ struct{}) (web.Answer, error) {
		return web.Answer{Body: c.SessionID()}, nil
	}))
	problem(t, b.do("GET", api.PathJWKS, ""), api.Internal)
}
