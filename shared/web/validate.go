package web

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// checker compares a value with its schema. Objects are walked here, also those in
// lists, because huma matches names in any case, lets null pass for all optional
// members and loses its place at a dot in a name; everything else is huma's.
type checker struct {
	registry huma.Registry
	faults   *faultList
	// dropped: the value lacks members now that meant nothing.
	dropped bool
}

func (c *checker) value(path string, s *huma.Schema, v any) {
	s = c.resolve(s)
	members, isObject := v.(map[string]any)
	items, isList := v.([]any)
	switch {
	case isObject && s.Type == huma.TypeObject && s.AdditionalProperties == false:
		c.object(path, s, members)
	case isList && s.Type == huma.TypeArray && c.resolve(s.Items).Type == huma.TypeObject:
		c.list(path, s, items)
	default:
		c.leaf(path, s, v)
	}
}

func (c *checker) resolve(s *huma.Schema) *huma.Schema {
	for s.Ref != "" {
		s = c.registry.SchemaFromRef(s.Ref)
	}
	return s
}

// list leaves the list as such to huma, and walks the objects in it.
func (c *checker) list(path string, s *huma.Schema, items []any) {
	outer := *s
	outer.Items = &huma.Schema{}
	c.leaf(path, &outer, items)
	for i, item := range items {
		c.value(joinPath(path, strconv.Itoa(i)), s.Items, item)
	}
}

// object checks the names of the members, then each of them. Known names are
// walked in order, so that the same body always gets the same answer.
func (c *checker) object(path string, s *huma.Schema, members map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		v, given := members[name]
		required := slices.Contains(s.Required, name)
		switch {
		case given && !required && (v == nil || v == ""):
			delete(members, name) // many serializers cannot leave a member out
			c.dropped = true
		case given && v == nil:
			c.faults.add(joinPath(path, name), "must not be null: it is required")
		case given:
			c.value(joinPath(path, name), s.Properties[name], v)
		case required:
			c.faults.add(joinPath(path, name), "is required")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if s.Properties[name] == nil {
			c.faults.add(joinPath(path, name), "is not a member of this request; names are case-sensitive")
		}
	}
}

func (c *checker) leaf(path string, s *huma.Schema, v any) {
	res := &huma.ValidateResult{}
	huma.Validate(c.registry, s, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, res)
	for _, err := range res.Errors {
		message := "is not valid"
		if detail := (*huma.ErrorDetail)(nil); errors.As(err, &detail) {
			// Only the message: the detail also carries the value.
			message = detail.Message
		}
		c.faults.add(path, message)
	}
}
