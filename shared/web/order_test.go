package web_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestTheMostSpecialPathIsMeant in whatever order routes are declared, also beside paths of
// other lengths.
func TestTheMostSpecialPathIsMeant(t *testing.T) {
	params := map[string][]web.Param{
		"/a": nil, "/a/{x}": {{Name: "x", Pattern: "^[a-z]+$"}}, "/a/{x}:do": {{Name: "x", Pattern: "^[a-z]+$"}}, "/a/{x}/b": {{Name: "x", Pattern: "^[a-z]+$"}},
		"/a/{x}/b/{y}": {{Name: "x", Pattern: "^[a-z]+$"}, {Name: "y", Pattern: "^[a-z]+$"}}, "/a/{x}/b/{y}:do": {{Name: "x", Pattern: "^[a-z]+$"}, {Name: "y", Pattern: "^[a-z]+$"}},
		"/a/{x}/b/{y}:undo": {{Name: "x", Pattern: "^[a-z]+$"}, {Name: "y", Pattern: "^[a-z]+$"}}, "/a/{x}/b:do": {{Name: "x", Pattern: "^[a-z]+$"}},
	}
	paths := map[string]string{
		"/a": "/a", "/a/x": "/a/{x}", "/a/x:do": "/a/{x}:do", "/a/x/b": "/a/{x}/b", "/a/x/b/y": "/a/{x}/b/{y}", "/a/x/b/y:do": "/a/{x}/b/{y}:do",
		"/a/x/b/y:undo": "/a/{x}/b/{y}:undo", "/a/x/b:do": "/a/{x}/b:do",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var routes []web.Route
		for path, of := range params {
			op := web.Operation{ID: path, Method: http.MethodGet, Path: path, Params: of, Access: web.AccessPublic}
			routes = append(routes, web.Handle(op, func(context.Context, web.Call, struct{}) (web.Answer, error) {
				return web.Answer{Body: []byte(path)}, nil
			}))
		}
		random.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		app := web.NewApp(web.Options{}, nil, routes...)
		for path, want := range paths {
			w := httptest.NewRecorder()
			app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if got := w.Body.String(); got != want {
				t.Fatalf("%s is %s, want %s", path, got, want)
			}
		}
	}
}
