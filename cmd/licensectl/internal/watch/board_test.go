package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noon() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// sight is what the service says so long after noon: "pro:3" is a license with its seats,
// "ann@pro" a session of that user, "ann@pro=ending" one in another state.
func sight(after time.Duration, words string) Sight {
	s := Sight{At: noon().Add(after)}
	for word := range strings.FieldsSeq(words) {
		if id, seats, ok := strings.Cut(word, ":"); ok {
			l := api.License{ID: id}
			_, _ = fmt.Sscan(seats, &l.MaxSeats)
			s.Licenses = append(s.Licenses, l)
			continue
		}
		who, state, ok := strings.Cut(word, "=")
		if !ok {
			state = api.SessionActive
		}
		user, license, _ := strings.Cut(who, "@")
		s.Sessions = append(s.Sessions, api.LiveSession{
			SessionID: "s-" + user, LicenseID: license, UserID: user, HardwareID: "hw-" + user,
			Client:     api.LiveClient{Name: "Studio", Version: "4.2"},
			AcquiredAt: api.NewTime(noon().Add(-time.Hour)), LastHeartbeatAt: api.NewTime(noon().Add(-time.Minute)), State: state,
		})
	}
	return s
}

// told is what changes as the board sees so much, without the times.
func told(b *board, s Sight) string {
	var out strings.Builder
	tell := Text(&out)
	for _, c := range b.see(s) {
		if c.At.Time != s.At {
			return "told at another time: " + c.At.String()
		}
		_ = tell(c)
	}
	text := strings.ReplaceAll(out.String(), sight(0, "").At.Add(s.At.Sub(noon())).Format(api.TimeFormat)+" ", "")
	return strings.ReplaceAll(strings.TrimSpace(text), " Studio 4.2", "")
}

// TestChanges: each sight is compared with the one before.
func TestChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		sights []string
		want   string // of the last
	}{
		"nothing sold":           {[]string{""}, ""},
		"what is there at first": {[]string{"pro:3 lab:1 ann@pro"}, "seats  lab 0/1\nseats  pro 1/3\nheld   pro 1/3 s-ann ann hw-ann"},
		"no change":              {[]string{"pro:3 ann@pro", "pro:3 ann@pro"}, ""},
		"a new one":              {[]string{"pro:3", "pro:3 ann@pro"}, "came   pro 1/3 s-ann ann hw-ann"},
		"one that is over":       {[]string{"pro:3 ann@pro bob@pro", "pro:3 bob@pro"}, "went   pro 1/3 s-ann ann hw-ann"},
		"over is told once":      {[]string{"pro:3 ann@pro", "pro:3", "pro:3"}, ""},
		"one goes, one comes":    {[]string{"pro:1 ann@pro", "pro:1 bob@pro"}, "went   pro 1/1 s-ann ann hw-ann\ncame   pro 1/1 s-bob bob hw-bob"},
		"another state":          {[]string{"pro:3 ann@pro", "pro:3 ann@pro=expired"}, "turned pro 0/3 s-ann ann hw-ann active → expired"},
		"the ledger is away":     {[]string{"pro:3 ann@pro", "pro:3 ann@pro=unknown"}, "turned pro 1/3 s-ann ann hw-ann active → unknown"},
		"an end has no seat":     {[]string{"pro:3 ann@pro=ending"}, "seats  pro 0/3\nheld   pro 0/3 s-ann ann hw-ann"},
		"more seats":             {[]string{"pro:3", "pro:5"}, "seats  pro 0/5"},
		"a license is deleted":   {[]string{"pro:3 ann@pro", "ann@pro"}, "seats  pro 1/0"},
		"and its sessions end":   {[]string{"pro:3 ann@pro", "ann@pro", ""}, "went   pro 0/0 s-ann ann hw-ann"},
		"a license goes unused":  {[]string{"pro:3 lab:1", "lab:1"}, "seats  pro 0/0"},
		"one comes back":         {[]string{"pro:3 ann@pro", "pro:3", "pro:3 ann@pro"}, "came   pro 1/3 s-ann ann hw-ann"},
	} {
		var b board
		var got string
		for i, words := range tt.sights {
			got = told(&b, sight(time.Duration(i)*5*time.Second, words))
		}
		if got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}

// TestWordsLinger: a new session is marked for a while, and one that is over is shown
// for as long.
func TestWordsLinger(t *testing.T) {
	for name, tt := range map[string]struct {
		sights []string // five seconds from each other, but for the last
		last   time.Duration
		want   string
	}{
		"there at first":       {[]string{"ann@pro", "ann@pro"}, 10 * time.Second, "active"},
		"just come":            {[]string{"", "ann@pro"}, 10 * time.Second, "new"},
		"new until then":       {[]string{"", "ann@pro", "ann@pro"}, 5*time.Second + lingering - 1, "new"},
		"new no more":          {[]string{"", "ann@pro", "ann@pro"}, 5*time.Second + lingering, "active"},
		"new, and ending":      {[]string{"", "ann@pro", "ann@pro=ending"}, 10 * time.Second, "ending"},
		"just over":            {[]string{"ann@pro", ""}, 10 * time.Second, "ended"},
		"over until then":      {[]string{"ann@pro", "", ""}, 5*time.Second + lingering - 1, "ended"},
		"over and forgotten":   {[]string{"ann@pro", "", ""}, 5*time.Second + lingering, ""},
		"come, gone, and back": {[]string{"ann@pro", "", "ann@pro"}, 10 * time.Second, "new"},
	} {
		var b board
		for i, words := range tt.sights {
			after := time.Duration(i) * 5 * time.Second
			if i == len(tt.sights)-1 {
				after = tt.last
			}
			b.see(sight(after, words))
		}
		got := ""
		if r, ok := b.rows["s-ann"]; ok {
			got = r.word(b.at)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestMachineAndProgram(t *testing.T) {
	s := api.LiveSession{HardwareID: "hw-1"}
	if Machine(s) != "hw-1" || Program(s) != "" {
		t.Errorf("%q, %q", Machine(s), Program(s))
	}
	s.Client = api.LiveClient{Name: "Studio", Hostname: "room-3"}
	if Machine(s) != "room-3" || Program(s) != "Studio" {
		t.Errorf("%q, %q", Machine(s), Program(s))
	}
}
