// Package apidoc renders the OpenAPI document as one HTML page for people: a file that
// needs nothing else, neither a script nor the network.
package apidoc

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template and style
	"encoding/base64"
	"html/template"

	"github.com/danielgtaylor/huma/v2"
)

var (
	//go:embed page.html
	pageText string
	//go:embed style.css
	style string
)

// Policy is the page's Content-Security-Policy: its own style, and nothing else. The page
// says it too, since a file has no headers.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// Page renders the document. The same document makes the same page.
func Page(doc *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(doc)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, p)
	return out.Bytes(), err
}
