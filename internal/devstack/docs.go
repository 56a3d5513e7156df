package devstack

import (
	"net/http"
	"sync"

	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/apidoc"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// pathDocs is where the local server shows the API to people.
const pathDocs = "/docs"

// docs serves the API as a page, which is made when somebody asks for it first.
func docs() http.Handler {
	page := sync.OnceValues(func() ([]byte, error) { return apidoc.Page(web.OpenAPI(functions.Contract()...)) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, http.StatusMethodNotAllowed, map[string]string{"error": "use GET"})
			return
		}
		text, err := page()
		if err != nil {
			answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
			return
		}
		for name, value := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": apidoc.Policy() + "; frame-ancestors 'none'",
		} {
			w.Header().Set(name, value)
		}
		_, _ = w.Write(text) // the client has gone
	})
}
