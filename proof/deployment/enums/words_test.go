package enums

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// word is a text in capitals, and where it is written.
type word struct{ file, path, text string }

var capitals = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)

// readWords are those of the module.
func readWords(t *testing.T) []word {
	t.Helper()
	var all []word
	for _, pattern := range []string{"terraform/*.tf", "terraform/modules/*/*.tf"} {
		files, err := filepath.Glob(deploytest.Path(t, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, wordsOf(t, filepath.Base(file), string(text))...)
		}
	}
	return all
}

func wordsOf(t *testing.T, file, text string) []word {
	t.Helper()
	parsed, diags := hclsyntax.ParseConfig([]byte(text), file, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r := &reader{file: file}
	for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
		switch block.Type {
		case "resource":
			r.body(block.Body, block.Labels[0])
		case "variable":
			r.body(block.Body, "var."+block.Labels[0])
		case "locals":
			r.body(block.Body, "local")
		case "module", "check", "output", "data":
			r.body(block.Body, block.Type+"."+block.Labels[0])
		}
	}
	return r.words
}

type reader struct {
	file  string
	words []word
}

func (r *reader) body(b *hclsyntax.Body, path string) {
	for _, name := range inOrder(b.Attributes) {
		at := path + "." + name
		if name == "condition" || strings.HasPrefix(path, "var.") && (name == "default" || name == "type") {
			at = path // what it is about is said inside
		}
		r.expression(b.Attributes[name].Expr, at)
	}
	for _, block := range b.Blocks {
		switch block.Type {
		case "dynamic":
			for _, inner := range block.Body.Blocks {
				r.body(inner.Body, path+"."+block.Labels[0])
			}
		case "content", "validation", "lifecycle", "precondition", "assert":
			r.body(block.Body, path)
		default:
			r.body(block.Body, path+"."+block.Type)
		}
	}
}

// inOrder are the names of attributes as they are written.
func inOrder(attributes hclsyntax.Attributes) []string {
	return slices.SortedFunc(maps.Keys(attributes), func(a, b string) int {
		return attributes[a].SrcRange.Start.Byte - attributes[b].SrcRange.Start.Byte
	})
}

// expression notes the words of an expression as written at path; where one is
// compared with a variable, as that variable's.
func (r *reader) expression(e hclsyntax.Expression, path string) {
	switch e := e.(type) {
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			if v, diags := e.Value(nil); !diags.HasErrors() && v.Type() == cty.String && capitals.MatchString(v.AsString()) {
				r.words = append(r.words, word{r.file, path, v.AsString()})
			}
		}
	case *hclsyntax.ParenthesesExpr:
		r.expression(e.Expression, path)
	case *hclsyntax.ConditionalExpr:
		r.expression(e.Condition, path)
		r.expression(e.TrueResult, path)
		r.expression(e.FalseResult, path)
	case *hclsyntax.UnaryOpExpr:
		r.expression(e.Val, path)
	case *hclsyntax.BinaryOpExpr:
		at := firstOf(variableOf(e.LHS), variableOf(e.RHS), path)
		r.expression(e.LHS, at)
		r.expression(e.RHS, at)
	case *hclsyntax.FunctionCallExpr:
		at := path
		if e.Name == "contains" || e.Name == "startswith" {
			at = firstOf(append(variablesOf(e.Args), path)...)
		}
		if e.Name == "startswith" || e.Name == "regex" { // a part of a word, not a word
			return
		}
		for _, argument := range e.Args {
			r.expression(argument, at)
		}
	case *hclsyntax.TupleConsExpr:
		for _, item := range e.Exprs {
			r.expression(item, path)
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			key := hcl.ExprAsKeyword(item.KeyExpr)
			if v, diags := item.KeyExpr.Value(nil); key == "" && !diags.HasErrors() && v.Type() == cty.String {
				key = v.AsString()
			}
			at := path
			if key != "" && path != "google_storage_bucket.location" {
				at = path + "." + key
			}
			r.expression(item.ValueExpr, at)
		}
	case *hclsyntax.ForExpr:
		r.expression(e.ValExpr, path)
		if e.CondExpr != nil {
			r.expression(e.CondExpr, path)
		}
	}
}

// variableOf is the path of the variable that an expression is, or is a part of.
func variableOf(e hclsyntax.Expression) string {
	for _, traversal := range e.Variables() {
		if traversal.RootName() != "var" {
			continue
		}
		path := "var"
		for _, step := range traversal[1:] {
			if attribute, ok := step.(hcl.TraverseAttr); ok {
				path += "." + attribute.Name
			}
		}
		return path
	}
	return ""
}

func variablesOf(all []hclsyntax.Expression) []string {
	var out []string
	for _, e := range all {
		if path := variableOf(e); path != "" {
			out = append(out, path)
		}
	}
	return out
}

func firstOf(paths ...string) string {
	for _, path := range paths {
		if path != "" {
			return path
		}
	}
	return ""
}
