// Package show prints what the commands have to say: tables for people, and JSON, YAML,
// CSV or names for programs.
package show

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/when"
)

// The formats.
const (
	Table = "table"
	JSON  = "json"
	YAML  = "yaml"
	CSV   = "csv"
	Name  = "name"
)

// Printer prints in one format.
type Printer struct {
	Out    io.Writer
	Format string
	// Color paints what is added, removed and changed.
	Color bool
}

// Column is a column of a table: a field by its name, and what stands above it.
type Column struct{ Field, Title string }

// List prints documents: those columns in a table, whole in JSON, YAML and CSV.
func List[T any](p Printer, list []T, columns []Column, name func(T) string) error {
	if list == nil {
		list = []T{} // an empty list, and not null
	}
	switch p.Format {
	case JSON, YAML:
		return p.document(list)
	case CSV:
		return writeCSV(p.Out, list)
	case Name:
		for _, one := range list {
			if _, err := fmt.Fprintln(p.Out, name(one)); err != nil {
				return err
			}
		}
		return nil
	}
	return table(p.Out, list, columns)
}

// One prints a document: a field on each line in a table.
func One[T any](p Printer, one T, name string) error {
	switch p.Format {
	case JSON, YAML:
		return p.document(one)
	case CSV, Name:
		return List(p, []T{one}, nil, func(T) string { return name })
	}
	w := newTable(p.Out)
	for _, f := range fields.Of(one) {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", f.Name, Human(f.Name, f.Value))
	}
	return w.Flush()
}

// document is a value in JSON or YAML, its fields in the order of the API.
func (p Printer) document(value any) error {
	var text bytes.Buffer
	j := json.NewEncoder(&text)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	if err := j.Encode(value); err != nil {
		return err
	}
	if p.Format == JSON {
		_, err := text.WriteTo(p.Out)
		return err
	}
	// YAML has JSON in it, and a node keeps the order that a map would lose.
	var node yaml.Node
	if err := yaml.Unmarshal(text.Bytes(), &node); err != nil {
		return err
	}
	if err := block(&node); err != nil {
		return err
	}
	e := yaml.NewEncoder(p.Out)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return err
	}
	return e.Close()
}

// block takes away the braces and quotes of JSON, where YAML needs none. A text is put
// as YAML 1.1 reads it, too, to which yes is no text.
func block(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		return n.Encode(n.Value)
	}
	if len(n.Content) > 0 {
		n.Style = 0
	}
	for _, child := range n.Content {
		if err := block(child); err != nil {
			return err
		}
	}
	return nil
}

func writeCSV[T any](out io.Writer, list []T) error {
	w := csv.NewWriter(out)
	var none T
	if err := w.Write(fields.Names(none)); err != nil {
		return err
	}
	for _, one := range list {
		var row []string
		for _, f := range fields.Of(one) {
			row = append(row, noFormula(f.Value))
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// noFormula is a cell that no spreadsheet calculates: an apostrophe stands before what
// would begin a formula (https://owasp.org/www-community/attacks/CSV_Injection).
func noFormula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func table[T any](out io.Writer, list []T, columns []Column) error {
	w := newTable(out)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.Title
	}
	_, _ = fmt.Fprintln(w, strings.Join(titles, "\t"))
	for _, one := range list {
		all, row := fields.Of(one), make([]string, len(columns))
		for i, c := range columns {
			row[i] = Human(c.Field, fields.Value(all, c.Field))
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush() // the table writes nothing before, and keeps an error
}

func newTable(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

// Human is a field's value as people read it: ends by their last day, seconds in the
// unit that they are whole in.
func Human(field, value string) string {
	switch field {
	case "expires_at":
		return when.Show(value)
	case "grace_seconds", "offline_max_seconds":
		if seconds, err := strconv.ParseInt(value, 10, 64); err == nil && seconds > 0 {
			return when.Length(seconds)
		}
	}
	// What somebody has put into a name must not move the cursor, or worse.
	if strings.ContainsFunc(value, unicode.IsControl) {
		return strconv.Quote(value)
	}
	return value
}
