package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a page of an allowed origin may send and read. Authorization is what makes
// every call of a page ask first ("preflight"): no page of another origin takes a
// seat, because its browser does not send the call. No cookie means anything here,
// so credentials are not allowed. What single operations read or answer beside this is
// in their declarations, and added for their paths alone.
// https://fetch.spec.whatwg.org/#http-cors-protocol
const (
	allowedMethods = "GET, HEAD, POST, PATCH, DELETE"
	allowedHeaders = "Authorization, Content-Type, traceparent"
	exposedHeaders = "Retry-After, X-Request-Id, Location"
	// preflightMaxAge is how long a browser need not ask again, in seconds: the most
	// that Chromium takes. That a method or header came to the lists is seen so late.
	preflightMaxAge = "7200"
)

// pagesKeptOut is what a preflight of an origin that is not allowed is told.
const pagesKeptOut = "Pages of this origin may not use the service in a browser. Ask its operator to add the origin to CORS_ORIGINS."

// allow says on every answer which pages may read it: those of the listed origins,
// and all of what is public anyway. It comes before everything else, so that
// refusals carry it too.
func (x *exchange) allow() {
	if x.isPublic() {
		x.w.Header()["Access-Control-Allow-Origin"] = []string{"*"}
		x.w.Header()["Access-Control-Expose-Headers"] = []string{exposedHeaders}
		x.pages = true
		return
	}
	if len(x.app.origins) == 0 {
		return
	}
	x.w.Header()["Vary"] = []string{"Origin"}
	origin := x.r.Header["Origin"]
	if len(origin) == 1 && x.app.origins[origin[0]] {
		x.w.Header()["Access-Control-Allow-Origin"] = origin
		x.w.Header()["Access-Control-Expose-Headers"] = []string{x.exposed()}
		x.pages = true
	}
}

// isPublic: what the path means is for anybody's pages, whatever the method.
func (x *exchange) isPublic() bool {
	for _, p := range x.places {
		if !p.route.op.AnyOrigin {
			return false
		}
	}
	return len(x.places) > 0
}

// asksFirst: the request is a browser's question whether a page may send another.
func (x *exchange) asksFirst() bool {
	h := x.r.Header
	return x.r.Method == http.MethodOptions && h["Origin"] != nil && h["Access-Control-Request-Method"] != nil
}

// preflight answers the question for any path: what there is none for is told by
// the answer to the call itself, which the page may then read.
func (x *exchange) preflight() Answer {
	return Answer{Status: http.StatusNoContent, Outcome: "preflight", Header: http.Header{
		"Access-Control-Allow-Methods": {allowedMethods},
		"Access-Control-Allow-Headers": {x.allowed()},
		"Access-Control-Max-Age":       {preflightMaxAge},
	}}
}

// allowed are the headers that a page may send to the path.
func (x *exchange) allowed() string {
	list := []string{allowedHeaders}
	for _, p := range x.places {
		for _, header := range p.route.op.Headers {
			if !slices.Contains(list, header.Name) {
				list = append(list, header.Name)
			}
		}
	}
	return strings.Join(list, ", ")
}

// exposed are the headers that it may read of the path's answers: the revision is
// among them where there is one to be named by a change.
func (x *exchange) exposed() string {
	for _, p := range x.places {
		for _, answer := range p.route.op.Answers {
			if answer.Headers[headerETag] != "" {
				return exposedHeaders + ", " + headerETag
			}
		}
	}
	return exposedHeaders
}

const headerETag = "ETag"

const (
	originScheme = `^[a-z][a-z0-9+.-]*$`
	originHost   = `^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)$`
)

// CheckOrigin says what keeps a text from being an origin as browsers send it:
// scheme://host[:port], in lower case and without the scheme's own port (RFC 6454,
// section 6.2). A wildcard is none: the list is one of pages that are trusted with
// their users' seats.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	switch {
	case origin == "null" || strings.HasPrefix(origin, "file:"):
		return errors.New("is the origin of files and sandboxes, of which there are any number: serve the page from a host")
	case strings.Contains(origin, "*"):
		return errors.New("has a wildcard: list each origin by itself")
	case err != nil || u.Opaque != "" || !regexp.MustCompile(originScheme).MatchString(u.Scheme) || u.Host == "":
		return errors.New("is not of the form scheme://host[:port]: write it as browsers do, such as https://app.example.com")
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(origin, "#"):
		return errors.New("has more than scheme://host[:port]: leave out the user, the path (a slash at the end too), the query and the fragment")
	case origin != strings.ToLower(origin):
		return errors.New("is not in lower case, as browsers send it: write it so")
	case !regexp.MustCompile(originHost).MatchString(strings.TrimSuffix(u.Host, ":"+u.Port())):
		return errors.New("has a host that no browser sends: write other letters than a-z as punycode (xn--…)")
	}
	return checkPort(u)
}

func checkPort(u *url.URL) error {
	if u.Port() == "" && !strings.HasSuffix(u.Host, ":") {
		return nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case err != nil || n == 0 || u.Port() != strconv.FormatUint(n, 10):
		return errors.New("has a port that is none: write one from 1 to 65535")
	case u.Scheme == "https" && n == 443, u.Scheme == "http" && n == 80:
		return errors.New("has the port that its scheme has anyway, which browsers leave out: leave it out")
	}
	return nil
}

// IsOpenOrigin reports whether pages of the origin come to the browser unencrypted
// over a network, so that others can change them.
func IsOpenOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}
