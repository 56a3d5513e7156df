package web

import "net/http"

// Join serves several functions at one address, as the load balancer does: the
// first App that knows the path gets the request, and the first of all answers
// for paths nobody knows.
func Join(first *App, more ...*App) http.Handler {
	apps := append([]*App{first}, more...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range apps {
			if a.knows(r.URL.EscapedPath()) {
				a.ServeHTTP(w, r)
				return
			}
		}
		first.ServeHTTP(w, r)
	})
}

func (a *App) knows(path string) bool {
	return len(a.table.at(path)) > 0
}
