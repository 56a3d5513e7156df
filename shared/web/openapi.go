package web

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The checked-in copy follows the types: `go generate ./shared/web` writes it,
// and a test fails when it is stale.
//go:generate go test . -run ^TestOpenAPIFile$ -update

const schemaPrefix = "#/components/schemas/"

// The names of the security schemes.
const (
	schemeUser      = "idToken"
	schemeScheduler = "schedulerToken"
)

// OpenAPI is the contract as an OpenAPI 3.1 document, made of [Operations] and
// the types of client/api.
func OpenAPI() *huma.OpenAPI {
	registry := huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:       "CODITECT licenses",
			Version:     "1",
			Description: "Floating license seats. Take a seat, keep it with heartbeats, give it back; a seat without heartbeats is freed by itself. Errors are RFC 9457 problem documents whose code is stable; whatever is retryable is never the end of a license.",
		},
		Servers:    []*huma.Server{{URL: "https://licenses.coditect.ai"}},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: securitySchemes()},
	}
	for _, op := range Operations() {
		doc.AddOperation(op.document(registry))
	}
	// Problem.code is a plain string in Go; its values are the table's.
	problem := registry.Schema(reflect.TypeFor[api.Problem](), false, "Problem")
	for _, c := range api.Codes() {
		problem.Properties["code"].Enum = append(problem.Properties["code"].Enum, string(c.Code))
	}
	problem.PrecomputeMessages()
	open(registry)
	return doc
}

// open lets what the service says grow: only requests are closed to unknown
// members (RFC 9457, section 3.2, asks clients to ignore those they do not know).
func open(registry huma.Registry) {
	requests := map[string]bool{}
	for _, t := range []reflect.Type{reflect.TypeFor[api.AcquireRequest](), reflect.TypeFor[api.ClientInfo](), reflect.TypeFor[api.HeartbeatRequest]()} {
		requests[t.Name()] = true
	}
	for name, s := range registry.Map() {
		if !requests[name] && s.AdditionalProperties == false {
			s.AdditionalProperties = nil
		}
	}
}

// OpenAPIJSON is the document for GET /openapi.json.
func OpenAPIJSON() ([]byte, error) { return json.Marshal(OpenAPI()) }

// OpenAPIYAML is the document for the copy in the repository.
func OpenAPIYAML() ([]byte, error) { return OpenAPI().YAML() }

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		schemeUser:      {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An Identity Platform ID token."},
		schemeScheduler: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A Google OIDC token of the scheduler's service account."},
	}
}

func (o Operation) document(r huma.Registry) *huma.Operation {
	doc := &huma.Operation{
		OperationID: o.ID, Method: o.Method, Path: o.Path,
		Summary: o.Summary, Description: o.Description,
		Parameters: o.parameters(), Responses: map[string]*huma.Response{},
	}
	switch o.Access {
	case AccessUser:
		doc.Security = []map[string][]string{{schemeUser: {}}}
	case AccessScheduler:
		doc.Security = []map[string][]string{{schemeScheduler: {}}}
	case AccessPublic: // no security at all
	}
	if o.Request != nil {
		doc.RequestBody = &huma.RequestBody{
			Required: o.Body == BodyRequired,
			Content:  map[string]*huma.MediaType{api.ContentTypeJSON: {Schema: r.Schema(o.Request, true, "")}},
		}
	}
	for _, a := range o.Answers {
		doc.Responses[strconv.Itoa(a.Status)] = a.document(r)
	}
	o.documentProblems(r, doc.Responses)
	return doc
}

func (o Operation) parameters() []*huma.Param {
	var params []*huma.Param
	if strings.Contains(o.Path, api.ParamSessionID) {
		params = append(params, &huma.Param{
			Name: strings.Trim(api.ParamSessionID, "{}"), In: "path", Required: true, Description: "The session, as acquire named it.",
			Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"},
		})
	}
	if o.Renewable {
		params = append(params, &huma.Param{
			Name: api.QueryToken, In: "query", Description: "renew: answer with a fresh license token.",
			Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{api.QueryTokenRenew}},
		})
	}
	return params
}

func (a Documented) document(r huma.Registry) *huma.Response {
	doc := &huma.Response{Description: a.Description, Headers: commonHeaders()}
	for name, text := range a.Headers {
		doc.Headers[name] = header(text)
	}
	if a.Body == nil {
		return doc
	}
	contentType := a.ContentType
	if contentType == "" {
		contentType = api.ContentTypeJSON
	}
	doc.Content = map[string]*huma.MediaType{contentType: {
		Schema: r.Schema(reflect.TypeOf(a.Body), true, ""), Example: a.Body,
	}}
	return doc
}

// documentProblems adds one response per status, with one example per code.
func (o Operation) documentProblems(r huma.Registry, responses map[string]*huma.Response) {
	for _, code := range o.codes() {
		status := strconv.Itoa(code.Info().Status)
		doc := responses[status]
		if doc == nil {
			doc = &huma.Response{Headers: commonHeaders(), Content: map[string]*huma.MediaType{}}
			responses[status] = doc
		}
		media := doc.Content[api.ContentTypeProblem]
		if media == nil {
			media = &huma.MediaType{Schema: r.Schema(reflect.TypeFor[api.Problem](), true, ""), Examples: map[string]*huma.Example{}}
			doc.Content[api.ContentTypeProblem] = media
		}
		example := exampleFault(code)
		media.Examples[string(code)] = &huma.Example{Summary: code.Info().Title, Value: example.problem(exampleRequestID)}
		for name := range example.header() {
			if name != "Content-Type" {
				doc.Headers[name] = header(headerText(name))
			}
		}
	}
	for _, doc := range responses {
		if media := doc.Content[api.ContentTypeProblem]; media != nil {
			codes := strings.Join(slices.Sorted(maps.Keys(media.Examples)), ", ")
			doc.Description = strings.TrimSpace(doc.Description + " A problem: " + codes + ".")
		}
	}
}

// codes are all the codes the operation can answer with.
func (o Operation) codes() []api.Code {
	codes := append([]api.Code{}, o.Problems...)
	if o.Access != AccessPublic {
		codes = append(codes, api.Unauthenticated)
	}
	if o.Access == AccessUser {
		codes = append(codes, api.TenantMissing, api.RateLimited)
	}
	if o.Access == AccessPublic {
		codes = append(codes, api.InvalidRequest)
	}
	return append(codes, api.NotFound, api.MethodNotAllowed, api.Internal, api.Unavailable)
}

func commonHeaders() map[string]*huma.Param {
	return map[string]*huma.Param{"X-Request-Id": header("Names the request in the service's log; the trace id of the traceparent that came with it, if one did.")}
}

func header(text string) *huma.Param {
	return &huma.Param{Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

func headerText(name string) string {
	switch name {
	case "Retry-After":
		return "Seconds to wait before the request is sent again."
	case "WWW-Authenticate":
		return "How to authenticate (RFC 6750)."
	}
	return "The methods this address takes."
}

// exampleRequestID is a trace id out of the W3C Trace Context specification.
const exampleRequestID = "4bf92f3577b34da6a3ce929d0e0e4736"

func exampleSession() api.Session {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return api.Session{
		SessionID: "019ab00d-4c00-7000-8000-000000000001", LicenseID: "acme-pro", OrganizationID: "acme", UserID: "u-1",
		HardwareID: "hw-1", Product: "studio", Plan: "pro", Entitlements: api.List{"export"},
		AcquiredAt: api.NewTime(at), LastHeartbeatAt: api.NewTime(at), ExpiresAt: api.NewTime(at.Add(6 * time.Minute)),
		HeartbeatIntervalSeconds: 120, NextHeartbeatAt: api.NewTime(at.Add(69_637 * time.Millisecond)),
		LicenseToken: "eyJ…", LicenseTokenExpiresAt: api.NewTime(at.Add(time.Hour)),
		SeatsUsed: 3, SeatsMax: 10, ServerTime: api.NewTime(at),
	}
}

// exampleFault is a fault of the code as the funnel would make it.
func exampleFault(code api.Code) *fault {
	switch code {
	case api.NoSeatsAvailable:
		return noSeats(&license.NoSeatsError{Limit: license.LimitLicense, Used: 10, Max: 10, RetryAfter: 42 * time.Second})
	case api.LicenseAmbiguous:
		return ambiguous(&license.AmbiguousError{LicenseIDs: []string{"acme-lab", "acme-pro"}})
	case api.SessionEnded:
		return ended(&license.SessionEndedError{Reason: license.EndExpired})
	case api.InvalidRequest:
		return &fault{code: code, fields: oneField("hardware_id", "is required")}
	case api.RateLimited:
		return &fault{code: code, retryAfter: time.Second}
	case api.MethodNotAllowed:
		return &fault{code: code, allow: "POST"}
	default:
		return &fault{code: code}
	}
}
