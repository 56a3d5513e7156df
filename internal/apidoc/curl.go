package apidoc

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Variables of the shell for what each reader has another of. No route of the load
// balancer leads to the vendor's door and to the reaper: each has an address of its own.
func baseOf(scheme, public string) (base, token string) {
	switch scheme {
	case "idToken":
		return public, "$ID_TOKEN"
	case "staffToken":
		return "$CONTROL", "$STAFF_TOKEN"
	case "schedulerToken":
		return "$REAPER", "$SCHEDULER_TOKEN"
	}
	return public, ""
}

// example is a value for a parameter of a path; one that is not here is a variable of
// its name.
func example(name string) string {
	known := map[string]string{
		"organization": "acme", "license": "acme-pro", "session_id": "019ab00d-4c00-7000-8000-000000000001",
	}
	if value, ok := known[name]; ok {
		return value
	}
	return "$" + strings.ToUpper(name)
}

// curl is a command that sends the operation's smallest request.
func curl(doc *huma.OpenAPI, op *huma.Operation) (string, error) {
	base, token := baseOf(schemeOf(op), doc.Servers[0].URL)
	words := []string{"curl -sS"}
	if op.Method != http.MethodGet && (op.Method != http.MethodPost || op.RequestBody == nil) {
		words[0] += " -X " + op.Method
	}
	path := op.Path
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", example(p.Name))
		}
	}
	words = append(words, `"`+base+path+`"`)
	if token != "" {
		words = append(words, `-H "Authorization: Bearer `+token+`"`)
	}
	for _, p := range op.Parameters {
		if p.In == "header" {
			words = append(words, "-H "+headerExample(p.Name))
		}
	}
	if op.RequestBody != nil {
		sent, _ := bodyOf(doc, op)
		text, err := json.Marshal(sample(doc, sent))
		if err != nil {
			return "", err
		}
		words = append(words, "-H 'Content-Type: "+api.ContentTypeJSON+"'", "-d '"+quoted(text)+"'")
	}
	return strings.Join(words, " \\\n  "), nil
}

func headerExample(name string) string {
	switch name {
	case api.HeaderIdempotencyKey:
		return `"` + name + `: $(uuidgen)"`
	case api.HeaderIfMatch:
		return `"` + name + `: $ETAG"`
	}
	return `"` + name + `: $` + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + `"`
}

// quoted is a text between single quotes of a shell.
func quoted(text []byte) string { return string(bytes.ReplaceAll(text, []byte("'"), []byte(`'\''`))) }

// sample is the smallest object of the schema: what it requires, or else one member.
func sample(doc *huma.OpenAPI, s *huma.Schema) map[string]any {
	names := slices.Sorted(slices.Values(s.Required))
	if all := slices.Sorted(maps.Keys(s.Properties)); len(names) == 0 && len(all) > 0 {
		names = all[:1]
	}
	values := map[string]any{}
	for _, name := range names {
		values[name] = value(doc, s.Properties[name])
	}
	return values
}

func value(doc *huma.OpenAPI, s *huma.Schema) any {
	switch {
	case s.Ref != "":
		return sample(doc, doc.Components.Schemas.SchemaFromRef(s.Ref))
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeArray:
		return []any{value(doc, s.Items)}
	case s.Type == huma.TypeInteger, s.Type == huma.TypeNumber:
		return 1
	case s.Type == huma.TypeBoolean:
		return true
	}
	return "text"
}
