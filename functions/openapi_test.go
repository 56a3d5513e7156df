package functions_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

var update = flag.Bool("update", false, "write openapi.yaml and docs/api.html instead of comparing them")

const openAPIFile = "../openapi.yaml"

// document is that of the whole contract.
func document() *huma.OpenAPI { return web.OpenAPI(functions.Contract()...) }

// TestOpenAPIFile: the checked-in document is the one the types make.
func TestOpenAPIFile(t *testing.T) {
	want, err := document().YAML()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(openAPIFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(openAPIFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("openapi.yaml is stale (%v): run go generate ./functions", err)
	}
}

func TestOpenAPIIsDeterministic(t *testing.T) {
	first, err := document().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if again, _ := document().MarshalJSON(); !bytes.Equal(first, again) {
			t.Fatal("the same types make different documents")
		}
	}
}

func operations(doc *huma.OpenAPI) map[string]*huma.Operation {
	ops := map[string]*huma.Operation{}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				ops[op.OperationID] = op
			}
		}
	}
	return ops
}

// TestExamplesFitTheirSchemas: every example of the document, as it is on the wire.
func TestExamplesFitTheirSchemas(t *testing.T) {
	doc := document()
	examples := 0
	for id, op := range operations(doc) {
		for status, response := range op.Responses {
			for contentType, media := range response.Content {
				values := []any{media.Example}
				for _, e := range media.Examples {
					values = append(values, e.Value)
				}
				for _, v := range values {
					if v == nil {
						continue
					}
					examples++
					for _, err := range faults(t, doc, media.Schema, v) {
						t.Errorf("%s %s %s: %v", id, status, contentType, err)
					}
				}
			}
		}
	}
	if examples < 40 {
		t.Errorf("only %d examples were found", examples)
	}
}

func faults(t *testing.T, doc *huma.OpenAPI, s *huma.Schema, v any) []error {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var wire any
	if err := json.Unmarshal(encoded, &wire); err != nil {
		t.Fatal(err)
	}
	res := &huma.ValidateResult{}
	huma.Validate(doc.Components.Schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, wire, res)
	return res.Errors
}

// TestExamplesAreChecked: the check above can fail.
func TestExamplesAreChecked(t *testing.T) {
	doc := document()
	s := doc.Components.Schemas.SchemaFromRef("#/components/schemas/Problem")
	p := api.NewProblem("made_up", "", "")
	p.Code = "made_up"
	if len(faults(t, doc, s, p)) == 0 {
		t.Error("a code that is not of the contract fits")
	}
	if len(faults(t, doc, s, map[string]any{})) == 0 {
		t.Error("an empty problem fits")
	}
}

// TestEveryProblemIsDocumented: under its status, and nowhere else.
func TestEveryProblemIsDocumented(t *testing.T) {
	seen := map[api.Code]bool{}
	for id, op := range operations(document()) {
		for status, response := range op.Responses {
			media := response.Content[api.ContentTypeProblem]
			if media == nil {
				continue
			}
			for code := range media.Examples {
				seen[api.Code(code)] = true
				if want := strconv.Itoa(api.Code(code).Info().Status); want != status {
					t.Errorf("%s: %s stands under %s", id, code, status)
				}
				if !strings.Contains(response.Description, code) {
					t.Errorf("%s %s does not name %s", id, status, code)
				}
			}
		}
	}
	for _, c := range api.Codes() {
		if !seen[c.Code] {
			t.Errorf("%s is not documented anywhere", c.Code)
		}
	}
}

// TestDocumentFollowsTheContract has what the HTTP contract promises of each operation.
func TestDocumentFollowsTheContract(t *testing.T) {
	doc := document()
	if doc.OpenAPI != "3.1.0" || doc.Servers[0].URL != "https://licenses.coditect.ai" {
		t.Errorf("document %s at %s", doc.OpenAPI, doc.Servers[0].URL)
	}
	ops := operations(doc)
	for _, tt := range []struct {
		id, successes string
		public        bool
		body          string
	}{
		{"acquire", "200 201", false, "required"},
		{"heartbeat", "200", false, ""},
		{"heartbeatByPost", "200", false, ""},
		{"release", "204", false, ""},
		{"releaseByPost", "204", false, ""},
		{"reap", "200", false, ""},
		{"jwks", "200", true, ""},
		{"openapi", "200", true, ""},
		{"live", "200", true, ""},
		{"ready", "200", true, ""},
		{"startup", "200", true, ""},
		{"rebuild", "200", false, ""},
		{"check", "200", false, ""},
		{"revokeKey", "200", false, ""},
		{"listOrganizations", "200", false, ""},
		{"createOrganization", "201", false, "required"},
		{"getOrganization", "200", false, ""},
		{"patchOrganization", "200", false, "required"},
		{"listLicenses", "200", false, ""},
		{"createLicense", "201", false, "required"},
		{"getLicense", "200", false, ""},
		{"patchLicense", "200", false, "required"},
		{"deleteLicense", "204", false, ""},
		{"listSessions", "200", false, ""},
		{"findSessions", "200", false, "required"},
		{"adminFindSessions", "200", false, "required"},
		{"getSession", "200", false, ""},
		{"revokeSession", "204", false, ""},
		{"listAudit", "200", false, ""},
		{"listMyLicenses", "200", false, ""},
		{"listMySessions", "200", false, ""},
		{"adminOverview", "200", false, ""},
		{"adminListLicenses", "200", false, ""},
		{"adminGetLicense", "200", false, ""},
		{"adminListSessions", "200", false, ""},
		{"adminGetSession", "200", false, ""},
		{"adminRevokeSession", "204", false, ""},
		{"adminEndSessions", "200", false, "required"},
		{"adminListAudit", "200", false, ""},
		{"adminReportUsage", "200", false, ""},
		{"reportUsage", "200", false, ""},
		{"reportDenials", "200", false, ""},
		{"listUsers", "200", false, ""},
		{"listGroups", "200", false, ""},
		{"adminListGroups", "200", false, ""},
		{"findUsers", "200", false, "required"},
		{"createMachine", "201", false, "required"},
		{"adminFindUsers", "200", false, "required"},
		{"adminCreateMachine", "201", false, "required"},
		{"inviteUser", "201", false, "required"},
		{"getUser", "200", false, ""},
		{"patchUser", "200", false, "required"},
		{"removeUser", "204", false, ""},
		{"signOutUser", "204", false, ""},
		{"linkUser", "200", false, ""},
		{"adminReportUsage", "200", false, ""},
		{"adminReportDenials", "200", false, ""},
		{"adminMetrics", "200", false, ""},
		{"listKeys", "200", false, ""},
		{"createKey", "202", false, ""},
		{"disableKey", "200", false, ""},
		{"pruneKeys", "200", false, ""},
		{"listServiceAudit", "200", false, ""},
		{"checkLedger", "200", false, ""},
		{"rebuildLedger", "200", false, ""},
		{"exportOrganization", "200", false, ""},
		{"purgeOrganization", "200", false, "required"},
		{"purgeUser", "200", false, ""},
	} {
		op := ops[tt.id]
		var successes []string
		for status := range op.Responses {
			if strings.HasPrefix(status, "2") {
				successes = append(successes, status)
			}
		}
		slices.Sort(successes)
		if got := strings.Join(successes, " "); got != tt.successes {
			t.Errorf("%s answers %s", tt.id, got)
		}
		if public := len(op.Security) == 0; public != tt.public {
			t.Errorf("%s: public = %v", tt.id, public)
		}
		body := ""
		if op.RequestBody != nil {
			body = map[bool]string{true: "required", false: "optional"}[op.RequestBody.Required]
		}
		if body != tt.body {
			t.Errorf("%s: body %q", tt.id, body)
		}
		if op.Responses["500"] == nil || op.Responses["503"] == nil || op.Responses["405"] == nil {
			t.Errorf("%s lacks problems any operation may have", tt.id)
		}
	}
	if len(ops) != 93 {
		t.Errorf("%d operations", len(ops))
	}
}

// TestSchemasFollowTheTypes: the members of the answer, and which may be missing.
func TestSchemasFollowTheTypes(t *testing.T) {
	doc := document()
	s := doc.Components.Schemas.SchemaFromRef("#/components/schemas/Session")
	var optional []string
	for name := range s.Properties {
		if !slices.Contains(s.Required, name) {
			optional = append(optional, name)
		}
	}
	slices.Sort(optional)
	if !reflect.DeepEqual(optional, []string{"license_in_grace_until", "license_token", "license_token_expires_at"}) {
		t.Errorf("optional members of Session: %v", optional)
	}
	if at := s.Properties["expires_at"]; at.Type != "string" || at.Format != "date-time" {
		t.Errorf("expires_at is %s %s", at.Type, at.Format)
	}
	if s.AdditionalProperties != nil {
		t.Error("Session can never get another member")
	}
	if in := doc.Components.Schemas.SchemaFromRef("#/components/schemas/AcquireRequest"); in.AdditionalProperties != false {
		t.Error("AcquireRequest is open to unknown members")
	}
	if s.Properties["entitlements"].Nullable {
		t.Error("entitlements may be null")
	}
}
