package web

import (
	"errors"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// checker compares a value with its schema. Objects are walked here, because
// huma matches names in any case, lets null pass for optional members and loses
// its place at a dot in a name; everything below an object is huma's.
type checker struct {
	registry huma.Registry
	faults   *faultList
}

func (c checker) value(path string, s *huma.Schema, v any) {
	for s.Ref != "" {
		s = c.registry.SchemaFromRef(s.Ref)
	}
	members, isObject := v.(map[string]any)
	if s.Type == huma.TypeObject && isObject && s.AdditionalProperties == false {
		c.object(path, s, members)
		return
	}
	c.leaf(path, s, v)
}

// object checks the names of the members, then each of them. Known names are
// walked in order, so that the same body always gets the same answer.
func (c checker) object(path string, s *huma.Schema, members map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		v, given := members[name]
		switch {
		case given && v == nil:
			c.faults.add(joinPath(path, name), "must not be null; leave it out instead")
		case given:
			c.value(joinPath(path, name), s.Properties[name], v)
		case slices.Contains(s.Required, name):
			c.faults.add(joinPath(path, name), "is required")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if s.Properties[name] == nil {
			c.faults.add(joinPath(path, name), "is not a member of this request; names are case-sensitive")
		}
	}
}

func (c checker) leaf(path string, s *huma.Schema, v any) {
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
