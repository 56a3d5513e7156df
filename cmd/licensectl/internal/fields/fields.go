// Package fields reads the documents of the API as lists of named texts, in the order
// and by the names that they have on the wire, and tells how two differ.
package fields

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// ETag is the field that tells revisions apart, and says nothing of what was sold.
const ETag = "etag"

// Field is one field of a document.
type Field struct{ Name, Value string }

// Change is a field whose value is another one.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Of are the fields of a document of the API. Those of a patch that it leaves as they
// are do not count. A document within it, such as a session's client, is taken apart:
// client_name.
func Of(document any) []Field {
	v := reflect.ValueOf(document)
	var list []Field
	for i := range v.NumField() {
		value := v.Field(i)
		if name(v.Type().Field(i)) == hidden {
			continue
		}
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		if within(value.Type()) {
			for _, f := range Of(value.Interface()) {
				list = append(list, Field{joined(name(v.Type().Field(i)), f.Name), f.Value})
			}
			continue
		}
		list = append(list, Field{name(v.Type().Field(i)), text(value.Interface())})
	}
	return list
}

// Names are the names of a document's fields.
func Names(document any) []string {
	var names []string
	for f := range reflect.TypeOf(document).Fields() {
		switch {
		case name(f) == hidden:
		case within(f.Type):
			for _, inner := range Names(reflect.Zero(f.Type).Interface()) {
				names = append(names, joined(name(f), inner))
			}
		default:
			names = append(names, name(f))
		}
	}
	return names
}

// within says whether a field is a document of its own, and no text such as a time.
func within(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[json.Marshaler]())
}

// joined is the name of a field within a field. An embedded one has no name.
func joined(outer, inner string) string { return strings.TrimPrefix(outer+"_"+inner, "_") }

// hidden is the name of a field that is not on the wire.
const hidden = "-"

func name(f reflect.StructField) string {
	word, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return word
}

// text is a value without quotes and brackets where it needs none.
func text(value any) string {
	switch v := value.(type) {
	case api.Time:
		return v.String()
	case api.List:
		return strings.Join(v, " ")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any:
		if v == nil {
			return ""
		}
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.String {
		return v.String()
	}
	out, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(out)
}

// Value is the field of that name; empty if there is none.
func Value(list []Field, name string) string {
	if i := slices.IndexFunc(list, func(f Field) bool { return f.Name == name }); i >= 0 {
		return list[i].Value
	}
	return ""
}

// Changes are the fields that a patch, or another revision, gives another value than a
// document has, save its ETag.
func Changes(document, other any) []Change { return compare(Of(document), Of(other)) }

// Said are the fields of something new that are not empty, save its ETag.
func Said(document any) []Change {
	var list []Change
	for _, f := range Of(document) {
		if f.Value != "" && f.Name != ETag {
			list = append(list, Change{Field: f.Name, After: f.Value})
		}
	}
	return list
}

func compare(before, after []Field) []Change {
	var list []Change
	for _, f := range after {
		if was := Value(before, f.Name); was != f.Value && f.Name != ETag {
			list = append(list, Change{f.Name, was, f.Value})
		}
	}
	return list
}

// Recorded are the fields that differ between what the audit has of an object before
// and after an act, by name.
func Recorded(before, after map[string]any) []Change {
	both := map[string]any{}
	for _, side := range []map[string]any{before, after} {
		for name := range side {
			both[name] = nil
		}
	}
	return compare(ofMap(before, both), ofMap(after, both))
}

func ofMap(m, names map[string]any) []Field {
	list := make([]Field, 0, len(names))
	for name := range names {
		value := ""
		if v, ok := m[name]; ok && v != nil {
			value = text(v)
		}
		list = append(list, Field{name, value})
	}
	slices.SortFunc(list, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return list
}
