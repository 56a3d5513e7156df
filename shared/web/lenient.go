package web

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// leniency is how much of a member's value is forgiven, by the tag `lenient` of its
// field.
type leniency string

const (
	// blanksCut: ASCII white space around a text is not part of it. Files end in a line
	// break, and texts are pasted with what stood beside them.
	blanksCut leniency = "blanks"
	// neverRefused: the text decides nothing, so that nothing in it is a reason to
	// refuse. What is not UTF-8 becomes U+FFFD.
	neverRefused leniency = "all"
)

// lenientMembers are the members of t that are forgiven something, by where they are.
func lenientMembers(t reflect.Type) map[jsontext.Pointer]leniency {
	found := map[jsontext.Pointer]leniency{}
	var walk func(jsontext.Pointer, reflect.Type)
	walk = func(at jsontext.Pointer, t reflect.Type) {
		if t.Kind() != reflect.Struct {
			return
		}
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			member := at.AppendToken(name)
			switch rule := leniency(field.Tag.Get("lenient")); rule {
			case blanksCut, neverRefused:
				found[member] = rule
			case "":
				walk(member, field.Type)
			default:
				panic(fmt.Sprintf("web: %s.%s: nothing is known of lenient:%q", t.Name(), field.Name, rule))
			}
		}
	}
	walk("", t)
	return found
}

// forgive is the body with the values of lenient members made what they are meant as.
// All else, faults too, is as it was, for the strict readers that follow.
func (d *decoder) forgive(raw []byte) []byte {
	if len(d.lenient) == 0 {
		return raw
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	var meant []byte
	rest := raw
	for {
		if _, err := dec.ReadToken(); err != nil { // at the end, or at a fault
			return append(meant, rest...)
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind != jsontext.KindBeginObject || n%2 == 0 {
			continue // no name was read
		}
		rule := d.lenient[dec.StackPointer()]
		if rule == "" {
			continue
		}
		value, err := dec.ReadValue()
		if err != nil {
			return append(meant, rest...)
		}
		end := len(rest) - len(raw) + int(dec.InputOffset())
		meant = append(append(meant, rest[:end-len(value)]...), rule.of(value)...)
		rest = rest[end:]
	}
}

// of is what a value is meant as.
func (l leniency) of(value jsontext.Value) jsontext.Value {
	if value.Kind() != jsontext.KindString {
		return value
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil && l != neverRefused {
		return value
	}
	if l == blanksCut {
		text = bytes.TrimFunc(text, blank)
	}
	quoted, _ := jsontext.AppendQuote(nil, text) // what is not UTF-8 is replaced, and said
	return quoted
}

// blank is the white space of ASCII: an id has no character beyond.
func blank(r rune) bool { return r == ' ' || '\t' <= r && r <= '\r' }
