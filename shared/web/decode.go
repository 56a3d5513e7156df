package web

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// decoder turns bodies into one type, strictly. encoding/json would take the last
// of two members of one name, match names in any case (even with the long s),
// drop unknown members, take null for anything and repair broken UTF-8: each of
// these lets two readers of one body see two requests. encoding/json/v2, here as
// a module, refuses all but unknown members and null by itself; those two are
// judged by [checker], which lists every fault instead of the first.
//
// It is lenient in two things that serializers do by default and that decide
// nothing: null and "" for a member that is not required, and a byte order mark. Of
// single members it forgives more, where their type says so ([leniency]).
type decoder struct {
	registry huma.Registry
	schema   *huma.Schema
	lenient  map[jsontext.Pointer]leniency
}

// newDecoder reads the schema out of t's tags; nil for no body.
func newDecoder(t reflect.Type) *decoder {
	if t == nil {
		return nil
	}
	registry := huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)
	return &decoder{registry: registry, schema: registry.Schema(t, false, t.Name()), lenient: lenientMembers(t)}
}

// decode fills into, a pointer, from one JSON value, or says all that is wrong
// with it in an [*InvalidRequestError].
func (d *decoder) decode(raw []byte, into any) error {
	sent, mark := bytes.CutPrefix(raw, []byte(byteOrderMark))
	raw = d.forgive(sent)
	faults := &faultList{}
	var value any
	if err := json.Unmarshal(raw, &value, json.WithUnmarshalers(numbers(faults))); err != nil {
		// Its place is told in what was sent, which is no better.
		return malformed(cmp.Or(json.Unmarshal(sent, new(any)), err), mark)
	}
	check := &checker{registry: d.registry, faults: faults}
	check.value("", d.schema, value)
	if len(faults.fields) > 0 {
		return &InvalidRequestError{Errors: faults.fields}
	}
	if err := fill(into, raw, value, check.dropped); err != nil {
		return invalid("does not fit the schema of this request")
	}
	return nil
}

// byteOrderMark may stand before a JSON text, once, and be ignored (RFC 8259,
// section 8.1): editors and .NET's UTF-8 encoder write it.
const byteOrderMark = "\ufeff"

// fill decodes what was sent, or what is left of it after dropping: "" stands for
// members of any type.
func fill(into any, raw []byte, value any, dropped bool) (err error) {
	if dropped {
		if raw, err = json.Marshal(value); err != nil {
			return err
		}
	}
	return json.Unmarshal(raw, into, json.RejectUnknownMembers(true))
}

// numbers reads them as huma wants them. One that no float holds is a fault of
// its member, and not the end of reading: the others have theirs told too.
func numbers(faults *faultList) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
		if dec.PeekKind() != '0' {
			return errors.ErrUnsupported // leaves the value to the library
		}
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		f, err := strconv.ParseFloat(token.String(), 64)
		if err != nil {
			faults.add(fieldAt(dec.StackPointer()), "is a number out of range; send a smaller one")
		}
		*v = f
		return nil
	})
}

// malformed says what keeps a body from being one JSON value. The library's own
// text is not shown: it quotes what was sent. Bytes are counted as they were sent,
// with the byte order mark that may have stood first.
func malformed(err error, mark bool) error {
	const what = "is not one valid JSON value in UTF-8"
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return invalid(what)
	case errors.Is(e, jsontext.ErrDuplicateName):
		faults := &faultList{}
		faults.add(fieldAt(e.JSONPointer), "is given twice; send it once")
		return &InvalidRequestError{Errors: faults.fields}
	}
	at := e.ByteOffset
	if mark {
		at += int64(len(byteOrderMark))
	}
	return invalid(fmt.Sprintf("%s: correct what follows byte %d", what, at))
}

// fieldAt names a member as the list of faults does: with dots between levels.
func fieldAt(p jsontext.Pointer) string {
	field := ""
	for name := range p.Tokens() {
		field = joinPath(field, name)
	}
	return field
}

// joinPath names a member of the object at path. Long paths stay as they are:
// they can only lead to members that are unknown anyway.
func joinPath(path, name string) string {
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
