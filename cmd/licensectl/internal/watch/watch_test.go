package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// scripted is a service that answers each look by the next of its answers, one for each
// pause, and then ends the watch.
type scripted struct {
	answers []any // words of a sight, or an error
	looks   int
	waited  []time.Duration
}

func (s *scripted) watch(end context.CancelFunc) Watch {
	return Watch{
		Organization: "acme", Every: 5 * time.Second,
		Look: func(context.Context) (Sight, error) {
			next := s.answers[s.looks]
			s.looks++
			if err, failed := next.(error); failed {
				return Sight{}, err
			}
			return sight(time.Duration(s.looks-1)*5*time.Second, fmt.Sprint(next)), nil
		},
		Wait: func(ctx context.Context, d time.Duration) error {
			if s.waited = append(s.waited, d); s.looks == len(s.answers) {
				end()
			}
			return ctx.Err()
		},
	}
}

// refused is the service's answer with a code.
func refused(code api.Code) error {
	p := api.NewProblem(code, "", "")
	return &p
}

// TestLines: each change is told once, of failures in a row the first, and what cannot
// help ends the watch.
func TestLines(t *testing.T) {
	away, gone := refused(api.Unavailable), refused(api.OrganizationNotFound)
	cut := errors.New("connection reset")
	for name, tt := range map[string]struct {
		answers []any
		told    string
		warned  int
		want    error
	}{
		"come and gone": {[]any{"pro:1", "pro:1 ann@pro", "pro:1"}, "seats came went", 0, nil},
		"away and back": {[]any{"pro:1 ann@pro", away, cut, "pro:1"}, "seats held went", 1, nil},
		"away twice":    {[]any{"pro:1", away, "pro:1", cut}, "seats", 2, nil},
		"away at first": {[]any{away}, "", 0, away},
		"cut at first":  {[]any{cut}, "", 0, cut},
		"nobody's":      {[]any{gone}, "", 0, gone},
		"gone":          {[]any{"pro:1", gone}, "seats", 0, gone},
	} {
		ctx, end := context.WithCancel(t.Context())
		s := &scripted{answers: tt.answers}
		var told []string
		warned := 0
		err := s.watch(end).Lines(ctx, func(c Change) error { told = append(told, string(c.Kind)); return nil }, func(error) { warned++ })
		end()
		if got := strings.Join(told, " "); got != tt.told || warned != tt.warned || !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: told %s, warned %d times, %v; want %s, %d, %v", name, got, warned, err, tt.told, tt.warned, tt.want)
		}
		for _, d := range s.waited {
			if d != 5*time.Second {
				t.Errorf("%s: waited %s", name, d)
			}
		}
	}
}

// TestLinesEnd with what they are written to, and with the context in the middle of a look.
func TestLinesEnd(t *testing.T) {
	full := errors.New("disk full")
	s := &scripted{answers: []any{"pro:1"}}
	if err := s.watch(func() {}).Lines(t.Context(), func(Change) error { return full }, nil); !errors.Is(err, full) {
		t.Error(err)
	}
	ctx, end := context.WithCancel(t.Context())
	w := Watch{Look: func(ctx context.Context) (Sight, error) { end(); return Sight{}, ctx.Err() }}
	if err := w.Lines(ctx, nil, nil); err != nil {
		t.Error(err)
	}
}

// TestForms of a change: what a person and what a program reads.
func TestForms(t *testing.T) {
	s := sight(0, "ann@pro=ending").Sessions[0]
	s.UserID, s.Client.Hostname = "ann\x1b[2J", "<b>"
	at := api.NewTime(noon())
	for _, c := range []struct {
		change     Change
		text, json string
	}{
		{
			Change{At: at, Kind: Seats, LicenseID: "pro", SeatsMax: 3},
			"2026-12-01T12:00:00.000Z seats  pro 0/3\n",
			`{"at":"2026-12-01T12:00:00.000Z","change":"seats","license_id":"pro","seats_used":0,"seats_max":3}` + "\n",
		},
		{
			Change{At: at, Kind: Turned, LicenseID: "pro", SeatsUsed: 1, SeatsMax: 3, Session: &s, Was: "active"},
			"2026-12-01T12:00:00.000Z turned pro 1/3 s-ann \"ann\\x1b[2J\" <b> Studio 4.2 active → ending\n",
			`{"at":"2026-12-01T12:00:00.000Z","change":"turned","license_id":"pro","seats_used":1,"seats_max":3,"session":{"session_id":"s-ann","license_id":"pro","user_id":"ann\u001b[2J",` +
				`"hardware_id":"hw-ann","instance_id":"","client":{"name":"Studio","version":"4.2","hostname":"<b>","project":""},"acquired_at":"2026-12-01T11:00:00.000Z",` +
				`"last_heartbeat_at":"2026-12-01T11:59:00.000Z","expires_at":"0001-01-01T00:00:00.000Z","state":"ending"},"was":"active"}` + "\n",
		},
	} {
		var text, json strings.Builder
		if err := errors.Join(Text(&text)(c.change), JSON(&json)(c.change)); err != nil {
			t.Fatal(err)
		}
		if text.String() != c.text || json.String() != c.json {
			t.Errorf("%s\n%s\nwant\n%s\n%s", &text, &json, c.text, c.json)
		}
	}
}
