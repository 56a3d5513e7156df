package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// place is one way of one route.
type place struct {
	way
	route *Route
}

// table is where an App finds its routes: special patterns before general ones.
type table []place

// newTable panics on routes of which a request could mean either.
func newTable(routes []Route) table {
	var t table
	seen := map[string]string{}
	for i := range routes {
		r := &routes[i]
		for _, p := range r.ways {
			for _, key := range []string{p.shape(), p.methods[0] + " " + p.shape()} {
				if other, taken := seen[key]; taken && (other != p.template || key != p.shape()) {
					panic(fmt.Sprintf("web: %s: %s and %s mean the same", r.op.ID, other, p.template))
				}
				seen[key] = p.template
			}
			t = append(t, place{p, r})
		}
	}
	slices.SortStableFunc(t, func(a, b place) int { return a.compare(b.pattern) })
	return t
}

// at are the places that path means: those of the most special pattern that
// fits, one for each method.
func (t table) at(path string) []place {
	var places []place
	for _, p := range t {
		if len(places) > 0 && p.template != places[0].template {
			continue
		}
		if p.fits(path) {
			places = append(places, p)
		}
	}
	return places
}

// match finds the request's route. The path decides first (404), then the
// method (405), then the form of the path's parameters (404): ids that cannot
// exist and ids that do not exist look the same.
func (x *exchange) match() (*Route, error) {
	path, places := x.r.URL.EscapedPath(), x.places
	if len(places) == 0 {
		return nil, &fault{code: api.NotFound}
	}
	// Anything can stand in a parameter's place: until its form was checked the
	// log names the template.
	x.template = places[0].template
	if len(places[0].names()) > 0 {
		x.path = x.template
	}
	var allow []string
	for _, p := range places {
		if slices.Contains(p.methods, x.r.Method) {
			return p.route, x.take(p, p.values(path))
		}
		allow = append(allow, p.methods...)
	}
	refusal := &fault{code: api.MethodNotAllowed, allow: strings.Join(allow, ", ")}
	if x.asksFirst() {
		refusal.detail = pagesKeptOut
	}
	return nil, refusal
}

// take notes the path's parameters and the query.
func (x *exchange) take(p place, values []string) error {
	if param := p.missing(values); param != nil {
		return &fault{code: param.missing()}
	}
	x.path = clip(p.public(values), maxLoggedPath)
	x.call.params, x.call.header = p.params(values), x.r.Header
	if raw := x.r.URL.RawQuery; raw != "" {
		// Malformed pairs are dropped: where more depends on the query than a
		// convenience, [Handle] checks it.
		x.call.Query, x.call.malformed = url.ParseQuery(raw)
	}
	return nil
}
