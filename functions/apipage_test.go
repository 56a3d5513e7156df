package functions_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/apidoc"
)

const apiPageFile = "../docs/api.html"

func apiPage(t *testing.T) string {
	t.Helper()
	page, err := apidoc.Page(document())
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestAPIPage: the checked-in page is the one the types make.
func TestAPIPage(t *testing.T) {
	want := []byte(apiPage(t))
	if *update {
		if err := os.WriteFile(apiPageFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(apiPageFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/api.html is stale (%v): run go generate ./functions", err)
	}
}

// TestAPIPageHasTheContract: each operation once, with who may call it, what it takes and
// answers; each code; and no link that leads nowhere.
func TestAPIPageHasTheContract(t *testing.T) {
	page := apiPage(t)
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		ids[m[1]]++
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%d elements have the id %s", n, id)
		}
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if id, here := strings.CutPrefix(m[1], "#"); !here || ids[id] != 1 {
			t.Errorf("a link to %s", m[1])
		}
	}
	for id, op := range operations(document()) {
		_, rest, ok := strings.Cut(page, `<h3 id="`+id+`">`)
		article, _, _ := strings.Cut(rest, "</article>")
		article = html.UnescapeString(article)
		want := []string{"<strong>" + op.Method + "</strong> " + op.Path, op.Description, "Who may call: ", "curl -sS"}
		for _, p := range op.Parameters {
			want = append(want, p.Description)
		}
		for status, response := range op.Responses {
			for _, media := range response.Content {
				for code := range media.Examples {
					want = append(want, `<td>`+status+`</td><th scope="row"><a href="#code-`+code+`">`)
				}
			}
		}
		for _, text := range want {
			if !ok || !strings.Contains(article, text) {
				t.Errorf("%s: %q is not there", id, text)
			}
		}
	}
	for _, c := range api.Codes() {
		if ids["code-"+string(c.Code)] != 1 {
			t.Errorf("%s is not there", c.Code)
		}
	}
}

// TestAPIPageStandsAlone: it asks for nothing, runs nothing, and its policy lets it have
// its own style and nothing else.
func TestAPIPageStandsAlone(t *testing.T) {
	page := apiPage(t)
	for _, word := range []string{"<script", "<link", "<img", "<iframe", "<form", " src=", " style=", " onclick", "url(", "@import"} {
		if strings.Contains(page, word) {
			t.Errorf("the page has %s", word)
		}
	}
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, ok := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if !ok || apidoc.Policy() != policy || !strings.Contains(html.UnescapeString(page), `<meta http-equiv="Content-Security-Policy" content="`+policy+`">`) {
		t.Errorf("the style is not the one of %s", apidoc.Policy())
	}
}

// TestExamplesOfTheAPIPage: each curl line sends what the operation takes.
func TestExamplesOfTheAPIPage(t *testing.T) {
	page, doc := html.UnescapeString(apiPage(t)), document()
	sent := 0
	for id, op := range operations(doc) {
		_, rest, _ := strings.Cut(page, `<h3 id="`+id+`">`)
		line, _, _ := strings.Cut(rest, "</code></pre>")
		_, body, ok := strings.Cut(line, "-d '")
		if ok != (op.RequestBody != nil) {
			t.Errorf("%s sends a body: %t", id, ok)
			continue
		}
		if !ok {
			continue
		}
		sent++
		var value any
		if err := json.Unmarshal([]byte(strings.TrimSuffix(body, "'")), &value); err != nil {
			t.Errorf("%s: %v in %s", id, err, body)
		}
		result := &huma.ValidateResult{}
		huma.Validate(doc.Components.Schemas, op.RequestBody.Content[api.ContentTypeJSON].Schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, value, result)
		if len(result.Errors) > 0 {
			t.Errorf("%s: %v in %s", id, result.Errors, body)
		}
	}
	if sent < 5 {
		t.Errorf("only %d bodies", sent)
	}
}
