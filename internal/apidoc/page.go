package apidoc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// page is what the template shows.
type page struct {
	Title, Description, Policy string
	Style                      template.CSS
	Sections                   []section
	Codes                      []api.CodeInfo
	Schemas                    []schema
}

// section are the operations of one kind of caller.
type section struct {
	ID, Title  string
	Operations []operation
}

type operation struct {
	ID, Method, Path, Summary, Description string
	Who, Token                             string
	Params                                 []param
	Body                                   *body
	Answers                                []answer
	Problems                               []problem
	Curl                                   string
}

type param struct {
	Name, In, Rule, Description string
	Required                    bool
}

// body is what a request sends.
type body struct {
	Type     string
	Required bool
	Members  []member
}

// schema is an object of the document.
type schema struct {
	Name    string
	Members []member
}

// member is one of an object's. Of is what a list is of, Ref the object that it is.
type member struct {
	Name, Of, Ref, Rule, Description string
	Required                         bool
}

type answer struct {
	Status                       int
	Meaning, Description         string
	ContentType, Schema, Example string
	Headers                      []param
}

type problem struct {
	Status int
	Code   string
	Title  string
}

func pageOf(doc *huma.OpenAPI) (page, error) {
	p := page{
		Title: doc.Info.Title, Description: doc.Info.Description, Policy: Policy(), Style: template.CSS(style), //nolint:gosec // our own
		Codes: api.Codes(),
	}
	all := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(all[name].Properties) > 0 {
			p.Schemas = append(p.Schemas, schema{name, members(all[name])})
		}
	}
	for _, group := range groups() {
		s := section{ID: group.id, Title: group.title}
		for _, op := range operations(doc) {
			if !group.has(op) {
				continue
			}
			shown, err := operationOf(doc, op)
			if err != nil {
				return page{}, fmt.Errorf("%s: %w", op.OperationID, err)
			}
			shown.Who = group.who
			s.Operations = append(s.Operations, shown)
		}
		if len(s.Operations) > 0 {
			p.Sections = append(p.Sections, s)
		}
	}
	return p, nil
}

// group are the operations that one kind of caller may call: by the name of the security
// scheme, and by the path.
type group struct{ id, title, who, scheme, path string }

// groups are in the order of the page. An operation is in the first that has it.
func groups() []group {
	return []group{
		{"administrators", "What administrators of an organization call", "users of an organization", "idToken", "/api/v1/admin/"},
		{"programs", "What programs call", "users of an organization, by their programs", "idToken", ""},
		{"vendor", "What the vendor calls", "the vendor's staff and programs", "staffToken", ""},
		{"operators", "What the scheduler and operators call", "the scheduler and operators", "schedulerToken", ""},
		{"everybody", "What everybody may call", "everybody", "", ""},
	}
}

func (g group) fits(op *huma.Operation) bool {
	return schemeOf(op) == g.scheme && strings.HasPrefix(op.Path, g.path)
}

func (g group) has(op *huma.Operation) bool {
	first := slices.IndexFunc(groups(), func(each group) bool { return each.fits(op) })
	return first >= 0 && groups()[first] == g
}

// schemeOf is the one security scheme of the operation; empty where there is none.
func schemeOf(op *huma.Operation) string {
	for _, requirement := range op.Security {
		for scheme := range requirement {
			return scheme
		}
	}
	return ""
}

// token is what proves who calls.
func token(doc *huma.OpenAPI, scheme string) string {
	if s := doc.Components.SecuritySchemes[scheme]; s != nil {
		return s.Description
	}
	return "None."
}

// operations are all of the document, by path and then as HTTP's methods are usually
// listed.
func operations(doc *huma.OpenAPI) (all []*huma.Operation) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		item := doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

func operationOf(doc *huma.OpenAPI, op *huma.Operation) (operation, error) {
	shown := operation{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Token: token(doc, schemeOf(op)),
	}
	for _, p := range op.Parameters {
		shown.Params = append(shown.Params, param{p.Name, p.In, rule(p.Schema), p.Description, p.Required})
	}
	if op.RequestBody != nil {
		sent, of := bodyOf(doc, op)
		shown.Body = &body{Type: of, Required: op.RequestBody.Required, Members: members(sent)}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		n, err := strconv.Atoi(status)
		if err != nil {
			return operation{}, err
		}
		if err := shown.answer(n, op.Responses[status]); err != nil {
			return operation{}, err
		}
	}
	var err error
	shown.Curl, err = curl(doc, op)
	return shown, err
}

// bodyOf is the schema of what the operation takes, and its name.
func bodyOf(doc *huma.OpenAPI, op *huma.Operation) (*huma.Schema, string) {
	s := op.RequestBody.Content[api.ContentTypeJSON].Schema
	if s.Ref == "" {
		return s, ""
	}
	return doc.Components.Schemas.SchemaFromRef(s.Ref), nameOf(s.Ref)
}

// answer adds what the operation says with a status: an answer, or problems, or both.
func (o *operation) answer(status int, r *huma.Response) error {
	if media := r.Content[api.ContentTypeProblem]; media != nil {
		for _, code := range slices.Sorted(maps.Keys(media.Examples)) {
			o.Problems = append(o.Problems, problem{status, code, media.Examples[code].Summary})
		}
	}
	if status >= http.StatusBadRequest && len(r.Content) == 1 && r.Content[api.ContentTypeProblem] != nil {
		return nil
	}
	a := answer{Status: status, Meaning: http.StatusText(status), Description: r.Description}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if name == everywhere {
			continue
		}
		a.Headers = append(a.Headers, param{Name: name, Description: r.Headers[name].Description})
	}
	for _, contentType := range slices.Sorted(maps.Keys(r.Content)) {
		if contentType == api.ContentTypeProblem {
			continue
		}
		media := r.Content[contentType]
		text, err := pretty(media.Example)
		if err != nil {
			return err
		}
		a.ContentType, a.Example = contentType, text
		if media.Schema != nil {
			a.Schema = nameOf(media.Schema.Ref)
		}
	}
	o.Answers = append(o.Answers, a)
	return nil
}

// everywhere is the header of every answer, of which the page tells once.
const everywhere = "X-Request-Id"

// pretty is a value as it is on the wire, on several lines.
func pretty(value any) (string, error) {
	if value == nil {
		return "", nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(value)
	return strings.TrimSpace(out.String()), err
}

func nameOf(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// members are an object's, those that are required first.
func members(s *huma.Schema) []member {
	var all []member
	for name, of := range s.Properties {
		m := member{Name: name, Description: of.Description, Required: slices.Contains(s.Required, name)}
		m.Of, m.Ref = kind(of)
		m.Rule = rule(of)
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y member) int {
		if x.Required != y.Required {
			return map[bool]int{true: -1, false: 1}[x.Required]
		}
		return cmp.Compare(x.Name, y.Name)
	})
	return all
}

// kind is what a value is in words, and the object that it ends with.
func kind(s *huma.Schema) (of, ref string) {
	switch {
	case s.Ref != "":
		return "", nameOf(s.Ref)
	case s.Type == huma.TypeArray:
		of, ref = kind(s.Items)
		return strings.TrimSpace("list of " + of), ref
	case s.Type == "":
		return "any value", ""
	}
	return s.Type, ""
}

// rule is what a value must be beside its type.
func rule(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	var rules []string
	if s.Format != "" && s.Format != "int64" && s.Format != "int32" {
		rules = append(rules, s.Format)
	}
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, each := range s.Enum {
			words[i] = fmt.Sprint(each)
		}
		rules = append(rules, "one of "+strings.Join(words, ", "))
	}
	if s.Pattern != "" {
		rules = append(rules, "matches "+s.Pattern)
	}
	rules = append(rules, bounds("", s.Minimum, s.Maximum)...)
	rules = append(rules, bounds("characters: ", s.MinLength, s.MaxLength)...)
	rules = append(rules, bounds("items: ", s.MinItems, s.MaxItems)...)
	return strings.Join(rules, "; ")
}

func bounds[T int | float64](of string, least, most *T) []string {
	switch {
	case least != nil && most != nil:
		return []string{fmt.Sprintf("%s%v to %v", of, *least, *most)}
	case least != nil:
		return []string{fmt.Sprintf("%s%v or more", of, *least)}
	case most != nil:
		return []string{fmt.Sprintf("%s%v or less", of, *most)}
	}
	return nil
}
