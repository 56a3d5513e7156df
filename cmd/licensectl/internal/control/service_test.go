package control

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

const (
	firstPage  = `{"kind":"organization","organization":{"id":"acme"}}` + "\n" + `{"kind":"cursor","after":"licenses:"}` + "\n"
	secondPage = `{"kind":"license","license":{"id":"pro"}}` + "\n" + `{"kind":"cursor","after":"sessions:"}` + "\n"
	lastPage   = `{"kind":"session","session":{"session_id":"s"}}` + "\n" + `{"kind":"end"}` + "\n"
)

// cut ends the connection behind what it has sent.
func cut(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, body)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// export gathers what is handed over.
func (s *service) export(t *testing.T) (lines string, cursors []string, err error) {
	t.Helper()
	err = s.client.Export(t.Context(), Export{Organization: "acme", User: "u-1"}, func(page []byte, after string) error {
		lines += string(page)
		cursors = append(cursors, after)
		return nil
	})
	return lines, cursors, err
}

// TestAnExportIsPutTogether out of answers that end in good order, that are cut, and that
// do not come: every line once, and no cursor among them.
func TestAnExportIsPutTogether(t *testing.T) {
	s := serve(t, ok(firstPage), cut(secondPage+`{"kind":"session","sess`), problem(api.Unavailable, ""), ok(""), ok(lastPage))
	lines, cursors, err := s.export(t)
	want := strings.NewReplacer(`{"kind":"cursor","after":"licenses:"}`+"\n", "", `{"kind":"cursor","after":"sessions:"}`+"\n", "").Replace(firstPage + secondPage + lastPage)
	if err != nil || lines != want || strings.Join(cursors, " ") != "licenses: sessions: " {
		t.Errorf("%v, %v in\n%s", err, cursors, lines)
	}
	var asked []string
	for _, r := range s.requests() {
		asked = append(asked, r.query)
	}
	if got := strings.Join(asked, " "); got != "user=u-1 after=licenses%3A&user=u-1 after=sessions%3A&user=u-1 after=sessions%3A&user=u-1 after=sessions%3A&user=u-1" {
		t.Errorf("asked %s", got)
	}
	if len(s.waited) != 3 {
		t.Errorf("waited %v", s.waited)
	}
}

// TestAnExportGivesUp when nothing comes, or who gathers it cannot go on.
func TestAnExportGivesUp(t *testing.T) {
	down := slices.Repeat([]func(http.ResponseWriter){problem(api.Unavailable, "")}, 4)
	s := serve(t, append([]func(http.ResponseWriter){ok(firstPage)}, down...)...)
	lines, cursors, err := s.export(t)
	if !errors.Is(err, api.Unavailable) || !strings.Contains(lines, "acme") || len(cursors) != 1 {
		t.Errorf("%v, %v in\n%s", err, cursors, lines)
	}
	full := errors.New("the disk is full")
	s = serve(t, ok(firstPage+secondPage))
	err = s.client.Export(t.Context(), Export{Organization: "acme"}, func([]byte, string) error { return full })
	if !errors.Is(err, full) || len(s.waited) != 0 {
		t.Errorf("%v after %v", err, s.waited)
	}
	s = serve(t, slices.Repeat([]func(http.ResponseWriter){ok("<html>")}, 4)...)
	if _, _, err := s.export(t); err == nil {
		t.Error("what is no export was read")
	}
}
