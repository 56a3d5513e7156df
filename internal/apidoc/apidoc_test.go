package apidoc

import (
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// doc is a document of one operation that takes an object, with a list of others in it.
func doc(op *huma.Operation) *huma.OpenAPI {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.Map()["Seat"] = &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
		"name":  {Type: huma.TypeString, Examples: []any{"it's <b>"}, Description: "Its <name>."},
		"other": {Type: huma.TypeInteger},
	}}
	schemas.Map()["Request"] = &huma.Schema{Type: huma.TypeObject, Required: []string{"seats"}, Properties: map[string]*huma.Schema{
		"seats": {Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/Seat"}},
		"on":    {Type: huma.TypeBoolean},
	}}
	d := &huma.OpenAPI{
		Info: &huma.Info{Title: "Seats"}, Servers: []*huma.Server{{URL: "https://seats.example"}},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{"idToken": {Description: "An ID token."}}},
	}
	d.AddOperation(op)
	return d
}

func takes(schema string) *huma.RequestBody {
	return &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/" + schema}}}}
}

func of(scheme string) []map[string][]string { return []map[string][]string{{scheme: {}}} }

// TestCurl: a shell gives the request as it is meant, whatever is in it.
func TestCurl(t *testing.T) {
	for _, tt := range []struct {
		op   *huma.Operation
		want string
	}{
		{&huma.Operation{Method: "GET", Path: "/live"}, `curl -sS "https://seats.example/live"`},
		{
			&huma.Operation{Method: "POST", Path: "/seats", Security: of("idToken"), RequestBody: takes("Request")},
			`curl -sS "https://seats.example/seats" -H "Authorization: Bearer $ID_TOKEN" -H 'Content-Type: application/json' -d '{"seats":[{"name":"it'\''s \u003cb\u003e"}]}'`,
		},
		{
			&huma.Operation{Method: "DELETE", Path: "/o/{organization}/x/{ticket}", Security: of("staffToken"), Parameters: []*huma.Param{
				{Name: "organization", In: "path"},
				{Name: "ticket", In: "path"},
				{Name: "limit", In: "query"},
				{Name: "If-Match", In: "header"},
				{Name: "Idempotency-Key", In: "header"},
				{Name: "X-More", In: "header"},
			}},
			`curl -sS -X DELETE "$CONTROL/o/acme/x/$TICKET" -H "Authorization: Bearer $STAFF_TOKEN" -H "If-Match: $ETAG" -H "Idempotency-Key: $(uuidgen)" -H "X-More: $X_MORE"`,
		},
		{&huma.Operation{Method: "POST", Path: "/reap", Security: of("schedulerToken")}, `curl -sS -X POST "$REAPER/reap" -H "Authorization: Bearer $SCHEDULER_TOKEN"`},
	} {
		got, err := curl(doc(tt.op), tt.op)
		if got = strings.ReplaceAll(got, " \\\n  ", " "); got != tt.want || err != nil {
			t.Errorf("%s\nwant\n%s (%v)", got, tt.want, err)
		}
	}
}

func TestRules(t *testing.T) {
	few, many, half := 1, 9, 0.5
	for want, s := range map[string]*huma.Schema{
		"":                                {Type: huma.TypeInteger, Format: "int64"},
		"uuid":                            {Format: "uuid"},
		"one of true, false":              {Enum: []any{true, "false"}},
		"matches ^a$; characters: 1 to 9": {Pattern: "^a$", MinLength: &few, MaxLength: &many},
		"0.5 or more":                     {Minimum: &half},
		"0.5 or less; items: 9 or less":   {Maximum: &half, MaxItems: &many},
		"date-time; items: 1 or more":     {Format: "date-time", MinItems: &few},
	} {
		if got := rule(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if rule(nil) != "" {
		t.Error("a rule of nothing")
	}
	if of, ref := kind(&huma.Schema{}); of != "any value" || ref != "" {
		t.Errorf("%q, %q", of, ref)
	}
}

// TestEachCallerHasItsPart, and an operation is in one of them.
func TestEachCallerHasItsPart(t *testing.T) {
	for path, want := range map[string]struct{ scheme, group string }{
		"/api/v1/licenses/acquire": {"idToken", "programs"}, "/api/v1/admin/sessions": {"idToken", "administrators"},
		"/api/v1/control/x": {"staffToken", "vendor"}, "/internal/v1/reap": {"schedulerToken", "operators"}, "/live": {"", "everybody"},
	} {
		op := &huma.Operation{OperationID: "x", Method: "GET", Path: path}
		if want.scheme != "" {
			op.Security = of(want.scheme)
		}
		p, err := pageOf(doc(op))
		if err != nil || len(p.Sections) != 1 || p.Sections[0].ID != want.group {
			t.Errorf("%s is in %+v, %v", path, p.Sections, err)
		}
	}
}

// TestWhatIsSaidIsShownAsText, and never as the page's own markup.
func TestWhatIsSaidIsShownAsText(t *testing.T) {
	page, err := Page(doc(&huma.Operation{OperationID: "x", Method: "POST", Path: "/x", Description: "<i>", RequestBody: takes("Seat")}))
	if text := string(page); err != nil || strings.Contains(text, "<i>") || strings.Contains(text, "<name>") || !strings.Contains(text, "Its &lt;name&gt;.") {
		t.Errorf("%v\n%s", err, page)
	}
}

// TestBrokenDocuments have no page.
func TestBrokenDocuments(t *testing.T) {
	for name, response := range map[string]map[string]*huma.Response{
		"a status": {"default": {}}, "an example": {"200": {Content: map[string]*huma.MediaType{"application/json": {Example: func() {}}}}},
	} {
		if _, err := Page(doc(&huma.Operation{OperationID: "x", Method: "GET", Path: "/x", Responses: response})); err == nil {
			t.Errorf("%s that is none: a page", name)
		}
	}
}
