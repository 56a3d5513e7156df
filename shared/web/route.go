package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// pattern is a path, with or without a session id in it. It is compared with
// the path as sent: percent-encoded spellings of it are other paths.
type pattern struct {
	template       string
	prefix, suffix string
	session        bool
}

func newPattern(template string) pattern {
	prefix, suffix, session := strings.Cut(template, api.ParamSessionID)
	return pattern{template: template, prefix: prefix, suffix: suffix, session: session}
}

// match reports whether path fits, and with which session id.
func (p pattern) match(path string) (sessionID string, ok bool) {
	if !p.session {
		return "", path == p.template
	}
	rest, ok := strings.CutPrefix(path, p.prefix)
	if !ok {
		return "", false
	}
	id, ok := strings.CutSuffix(rest, p.suffix)
	if !ok || id == "" || strings.Contains(id, "/") {
		return "", false
	}
	return id, true
}

// match finds the request's route. The path decides first (404), then the
// method (405), then the form of the session id (404): ids that cannot exist
// and ids that do not exist look the same.
func (x *exchange) match(routes []Route) (*Route, error) {
	path := x.r.URL.EscapedPath()
	x.path = clip(path, maxLoggedPath)
	var allow []string
	for i := range routes {
		route := &routes[i]
		p, id, ok := route.at(path)
		if !ok {
			continue
		}
		if p.session {
			x.path = p.template
		}
		if !slices.Contains(route.methods, x.r.Method) {
			allow = append(allow, route.methods...)
			continue
		}
		return route, x.take(p, id, path)
	}
	if allow != nil {
		return nil, &fault{code: api.MethodNotAllowed, allow: strings.Join(allow, ", ")}
	}
	return nil, &fault{code: api.NotFound}
}

// at finds the pattern of the route that fits path.
func (r *Route) at(path string) (pattern, string, bool) {
	for _, p := range r.paths {
		if id, ok := p.match(path); ok {
			return p, id, true
		}
	}
	return pattern{}, "", false
}

// take notes the session id and the query. Only a path whose id is a UUID is
// worth a log line as it is: anything could stand in its place.
func (x *exchange) take(p pattern, id, path string) error {
	if p.session && !license.ValidSessionID(id) {
		return &fault{code: api.SessionNotFound}
	}
	x.path = clip(path, maxLoggedPath)
	x.call.SessionID = strings.ToLower(id)
	if raw := x.r.URL.RawQuery; raw != "" {
		// Malformed pairs are dropped: no query decides more than a convenience.
		x.call.Query, _ = url.ParseQuery(raw)
	}
	return nil
}

// methods are the operation's own, and HEAD where GET is (RFC 9110, section 9.3.2).
func (o Operation) methods() []string {
	if o.Method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{o.Method}
}

func (o Operation) patterns() []pattern {
	ps := []pattern{newPattern(o.Path)}
	for _, alias := range o.Aliases {
		ps = append(ps, newPattern(alias))
	}
	return ps
}
