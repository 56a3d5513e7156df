package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// decoder turns bodies into one type, strictly. encoding/json alone would take
// the last of two members of one name, match names in any case (even with the
// long s), drop unknown members, take null for anything and repair broken UTF-8:
// each of these lets two readers of one body see two requests.
type decoder struct {
	registry huma.Registry
	schema   *huma.Schema
}

// newDecoder reads the schema out of t's tags; nil for no body.
func newDecoder(t reflect.Type) *decoder {
	if t == nil {
		return nil
	}
	registry := huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)
	return &decoder{registry: registry, schema: registry.Schema(t, false, t.Name())}
}

// decode fills into, a pointer, from one JSON value, or says all that is wrong
// with it in an [*InvalidRequestError].
func (d *decoder) decode(raw []byte, into any) error {
	if fault := wellFormed(raw); fault != "" {
		return invalid(fault)
	}
	faults := &faultList{}
	value := parse(raw, faults)
	checker{d.registry, faults}.value("", d.schema, value)
	if len(faults.fields) > 0 {
		return &InvalidRequestError{Errors: faults.fields}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return invalid("does not fit the schema of this request")
	}
	return nil
}

// wellFormed says what keeps raw from being one JSON value in UTF-8; "" is nothing.
func wellFormed(raw []byte) string {
	switch {
	case !utf8.Valid(raw):
		return "is not valid UTF-8"
	case !json.Valid(raw):
		return "is not one valid JSON value" + where(raw)
	case halfSurrogate(raw):
		return `has a \u escape that is only half of a character`
	}
	return ""
}

// where tells the byte at which raw stops being JSON.
func where(raw []byte) string {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(raw, new(any)); errors.As(err, &syntax) {
		return fmt.Sprintf(": it breaks off at byte %d", syntax.Offset)
	}
	return ""
}

// halfSurrogate reports whether valid JSON has a \u escape of one half of a
// surrogate pair, which encoding/json would replace by U+FFFD.
func halfSurrogate(raw []byte) bool {
	high := false // the escape right before was a high half
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			if high {
				return true
			}
			i++
			continue
		}
		half, size := escape(raw[i:])
		if high != (half == lowHalf) {
			return true
		}
		high = half == highHalf
		i += size
	}
	return high
}

type surrogate int

const (
	noHalf surrogate = iota
	highHalf
	lowHalf
)

// escape classifies the escape at the start of s, and tells its length.
func escape(s []byte) (surrogate, int) {
	if s[1] != 'u' {
		return noHalf, 2
	}
	if s[2] != 'd' && s[2] != 'D' {
		return noHalf, 6
	}
	switch c := s[3]; {
	case c >= '8' && c <= '9' || c >= 'a' && c <= 'b' || c >= 'A' && c <= 'B':
		return highHalf, 6
	case c >= 'c' && c <= 'f' || c >= 'C' && c <= 'F':
		return lowHalf, 6
	}
	return noHalf, 6
}

// parse reads well-formed JSON as huma wants it, and notes members given twice.
func parse(raw []byte, faults *faultList) any {
	p := parser{dec: json.NewDecoder(bytes.NewReader(raw)), faults: faults}
	p.dec.UseNumber()
	return p.value("")
}

type parser struct {
	dec    *json.Decoder
	faults *faultList
}

// value reads the next value. Tokens cannot fail: the input was checked, and
// [json.Valid] bounds its depth.
func (p parser) value(path string) any {
	token, err := p.dec.Token()
	if err != nil {
		p.faults.add(path, "is not valid JSON")
		return nil
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return p.object(path)
		}
		return p.array(path)
	case json.Number:
		f, err := token.Float64()
		if err != nil {
			p.faults.add(path, "is a number out of range")
		}
		return f
	default:
		return token
	}
}

func (p parser) object(path string) any {
	m := map[string]any{}
	for p.dec.More() {
		token, _ := p.dec.Token()
		name, _ := token.(string)
		if _, twice := m[name]; twice {
			p.faults.add(join(path, name), "is given twice")
		}
		m[name] = p.value(join(path, name))
	}
	_, _ = p.dec.Token() // the closing brace
	return m
}

func (p parser) array(path string) any {
	list := []any{}
	for p.dec.More() {
		list = append(list, p.value(path))
	}
	_, _ = p.dec.Token() // the closing bracket
	return list
}

// join names a member of the object at path. Long paths stay as they are: they
// can only lead to members that are unknown anyway.
func join(path, name string) string {
	switch {
	case path == "":
		return name
	case len(path) > maxFieldName:
		return path
	}
	return path + "." + name
}

// The bounds on what a bad request is told: enough to repair it, not its own
// body again.
const (
	maxFaults    = 20
	maxFieldName = 64
)

type faultList struct{ fields []api.FieldError }

func (l *faultList) add(field, message string) {
	if len(l.fields) < maxFaults {
		l.fields = append(l.fields, api.FieldError{Field: clip(field, maxFieldName), Message: message})
	}
}

// clip cuts s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
