package web

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

const schemaPrefix = "#/components/schemas/"

// The names of the security schemes.
const (
	schemeUser      = "idToken"
	schemeScheduler = "schedulerToken"
	schemeStaff     = "staffToken"
)

// Served are the operations of one function, by its name in the log.
type Served struct {
	Function   string
	Operations []Operation
}

// OpenAPI is what functions serve as an OpenAPI 3.1 document, with the probes
// that every function has. It is made of the operations and their types alone.
func OpenAPI(functions ...Served) *huma.OpenAPI {
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
	requests := map[string]bool{}
	for _, op := range operations(functions) {
		doc.AddOperation(op.document(registry))
		for _, also := range op.Also {
			doc.AddOperation(op.by(also).document(registry))
		}
		if op.request != nil {
			reach(registry, registry.Schema(op.request, true, ""), requests)
		}
	}
	// Problem.code is a plain string in Go; its values are the table's.
	problem := registry.Schema(reflect.TypeFor[api.Problem](), false, "Problem")
	for _, c := range api.Codes() {
		problem.Properties["code"].Enum = append(problem.Properties["code"].Enum, string(c.Code))
	}
	problem.PrecomputeMessages()
	open(registry, requests)
	optional(registry, requests)
	return doc
}

// operations are those of all functions, and the probes once.
func operations(functions []Served) []Operation {
	all := []Operation{live(), ready(), startup()}
	for _, f := range functions {
		all = append(all, f.Operations...)
	}
	return all
}

// reach notes the names of the schemas that s is made of.
func reach(registry huma.Registry, s *huma.Schema, names map[string]bool) {
	switch {
	case s == nil:
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, schemaPrefix)
		if !names[name] {
			names[name] = true
			reach(registry, registry.SchemaFromRef(s.Ref), names)
		}
	default:
		reach(registry, s.Items, names)
		for _, member := range s.Properties {
			reach(registry, member, names)
		}
	}
}

// open lets what the service says grow: only requests are closed to unknown
// members (RFC 9457, section 3.2, asks clients to ignore those they do not know).
func open(registry huma.Registry, requests map[string]bool) {
	for name, s := range registry.Map() {
		if !requests[name] && s.AdditionalProperties == false {
			s.AdditionalProperties = nil
		}
	}
}

// optional tells of what is lenient in requests: null for a member that is not
// required. Of objects the text of the contract alone says it: many generators of
// clients know no such type.
func optional(registry huma.Registry, requests map[string]bool) {
	for name, s := range registry.Map() {
		if !requests[name] {
			continue
		}
		for member, of := range s.Properties {
			if of.Ref == "" && !slices.Contains(s.Required, member) {
				of.Nullable = true
			}
		}
	}
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		schemeUser:      {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An Identity Platform ID token."},
		schemeScheduler: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A Google OIDC token of the scheduler's service account."},
		schemeStaff:     {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A Google ID token of the vendor's staff, or of a service account of theirs."},
	}
}

func (o Operation) document(r huma.Registry) *huma.Operation {
	doc := &huma.Operation{
		OperationID: o.ID, Method: o.Method, Path: o.Path,
		Summary: o.Summary, Description: o.description(),
		Parameters: o.parameters(), Responses: map[string]*huma.Response{},
	}
	switch o.Access {
	case AccessUser, AccessAdmin:
		doc.Security = []map[string][]string{{schemeUser: {}}}
	case AccessScheduler:
		doc.Security = []map[string][]string{{schemeScheduler: {}}}
	case AccessStaff:
		doc.Security = []map[string][]string{{schemeStaff: {}}}
	case AccessPublic: // no security at all
	}
	if o.request != nil {
		doc.RequestBody = &huma.RequestBody{
			Required: o.Body == BodyRequired,
			Content:  map[string]*huma.MediaType{api.ContentTypeJSON: {Schema: r.Schema(o.request, true, "")}},
		}
	}
	for _, a := range o.Answers {
		status := strconv.Itoa(a.Status)
		if first := doc.Responses[status]; first != nil { // the same in another form
			maps.Copy(first.Content, a.document(r).Content)
			continue
		}
		doc.Responses[status] = a.document(r)
	}
	o.documentProblems(r, doc.Responses)
	return doc
}

// by is the operation asked for in another way.
func (o Operation) by(w Way) Operation {
	o.Description = "The same as " + o.Method + " " + o.Path + ", for programs and networks that cannot send it. " + o.Description
	o.ID, o.Method, o.Path = w.ID, w.Method, w.Path
	return o
}

// description names the roles that may call, where not all may, and says where they
// have to sign in again.
func (o Operation) description() string {
	all := o.roles()
	if len(all) == 0 {
		return o.Description
	}
	roles := make([]string, len(all))
	for i, r := range all {
		roles[i] = string(r)
	}
	text := strings.TrimSpace(o.Description + " For the roles " + strings.Join(roles, ", ") + ".")
	if o.needsRecentSignIn() {
		text += fmt.Sprintf(" With a sign-in of the last %.0f hours.", api.MaxSignInAge.Hours())
	}
	return text
}

func (o Operation) parameters() []*huma.Param {
	var params []*huma.Param
	for _, p := range o.Params {
		params = append(params, p.document("path"))
	}
	for _, p := range o.Query {
		params = append(params, p.document("query"))
	}
	for _, p := range o.Headers {
		params = append(params, p.document("header"))
	}
	return params
}

func (p Param) document(in string) *huma.Param {
	return &huma.Param{
		Name: p.Name, In: in, Required: in == "path", Description: p.Description,
		Schema: &huma.Schema{Type: huma.TypeString, Format: p.Format, Pattern: p.Pattern, Enum: p.Enum},
	}
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

func commonHeaders() map[string]*huma.Param {
	return map[string]*huma.Param{"X-Request-Id": header("Names the request in the service's log.")}
}

func header(text string) *huma.Param {
	return &huma.Param{Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

func headerText(name string) string {
	switch name {
	case "Retry-After":
		return "Seconds to wait before the request is sent again."
	case "Www-Authenticate": // as Go has it
		return "How to authenticate (RFC 6750)."
	}
	return "The methods this address takes."
}

// exampleRequestID is a trace id out of the W3C Trace Context specification.
const exampleRequestID = "4bf92f3577b34da6a3ce929d0e0e4736"
