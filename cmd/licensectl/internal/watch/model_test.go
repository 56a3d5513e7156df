package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// screen is a model that has been given messages, in a terminal of so many cells.
type screen struct{ model }

func newScreen(width, height int) *screen {
	s := &screen{model: newModel(context.Background(), Watch{Organization: "acme", Every: 5 * time.Second})}
	s.look, s.wait = func() tea.Msg { return "look" }, func() tea.Msg { return "wait" }
	s.tell(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

// tell gives it a message, and returns what it wants done: look, wait, quit or nothing.
func (s *screen) tell(message tea.Msg) string {
	next, do := s.Update(message)
	s.model = next.(model) //nolint:forcetypeassert // a failed test
	if do == nil {
		return ""
	}
	switch done := do().(type) {
	case tea.QuitMsg:
		return "quit"
	default:
		return fmt.Sprint(done)
	}
}

func (s *screen) sees(after time.Duration, words string) { s.tell(seen{sight: sight(after, words)}) }

func (s *screen) press(keys ...string) (did string) {
	for _, k := range keys {
		did = s.tell(pressed(k))
	}
	return did
}

func pressed(k string) tea.KeyPressMsg {
	special := map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "esc": tea.KeyEscape}
	switch code, ok := special[k]; {
	case ok:
		return tea.KeyPressMsg{Code: code}
	case k == "ctrl+c":
		return tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: rune(k[0]), Text: k}
}

// text is the screen without its colors, and without the blanks that end lines.
func (s *screen) text() string {
	lines := strings.Split(ansi.Strip(s.content()), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// users are those of the rows that are on the screen, from above.
func (s *screen) users() string {
	var users []string
	for line := range strings.Lines(s.text()) {
		if words := strings.Fields(line); len(words) > 3 && strings.HasPrefix(words[3], "hw-") {
			users = append(users, words[2])
		}
	}
	return strings.Join(users, " ")
}

// TestScreens: everything that a color says a word says too.
func TestScreens(t *testing.T) {
	s := newScreen(100, 24)
	if got := s.text(); !strings.HasPrefix(got, "Sessions of acme · asking the service\n\nno licenses\n\nNobody has a seat.") {
		t.Errorf("at first\n%s", got)
	}
	s.sees(0, "archive:9 lab:1 studio:5 viewer:2 eve@lab ann@studio bob@studio cay@studio dan@studio gus@old")
	s.sees(5*time.Second, "archive:9 lab:1 studio:5 viewer:2 ann@studio bob@studio=expired cay@studio dan@studio fay@viewer gus@old")
	const want = `Sessions of acme · 12:00:05, every 5s

archive  ░░░░░░░░░░░░░░░░░░░░░░░░  0 of 9
lab      ░░░░░░░░░░░░░░░░░░░░░░░░  0 of 1
old      ████████████████████████  1 of 0, more than there are
studio   ██████████████░░░░░░░░░░  3 of 5
viewer   ████████████░░░░░░░░░░░░  1 of 2

STATE    LICENSE  USER  MACHINE  PROGRAM     SINCE ↓  HEARTBEAT
active   studio   ann   hw-ann   Studio 4.2  1h 0m    1m 5s ago
expired  studio   bob   hw-bob   Studio 4.2  1h 0m    1m 5s ago
active   studio   cay   hw-cay   Studio 4.2  1h 0m    1m 5s ago
active   studio   dan   hw-dan   Studio 4.2  1h 0m    1m 5s ago
ended    lab      eve   hw-eve   Studio 4.2  1h 0m    1m 5s ago
new      viewer   fay   hw-fay   Studio 4.2  1h 0m    1m 5s ago
active   old      gus   hw-gus   Studio 4.2  1h 0m    1m 5s ago

s sort by the next column • r turn the order round • ↑ up • ↓ down • q quit`
	if got := s.text(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for word, sequence := range map[string]string{"new": "\x1b[32mnew", "ended": "\x1b[2mended", "expired": "\x1b[33mexpired", "over": "\x1b[31m█"} {
		if !strings.Contains(s.content(), sequence) {
			t.Errorf("%s is not painted: %q", word, s.content())
		}
	}
	if v := s.View(); !v.AltScreen || v.WindowTitle != "sessions of acme" {
		t.Errorf("%+v", v)
	}
}

// TestFailuresOnTheScreen: it says how old it is, and asks on where that can help.
func TestFailuresOnTheScreen(t *testing.T) {
	s := newScreen(100, 24)
	if did := s.tell(seen{err: errors.New("two\n  lines")}); did != "quit" || !s.fatal {
		t.Errorf("the first look failed: %q", did)
	}
	s = newScreen(100, 24)
	s.sees(0, "pro:1 ann@pro")
	if did := s.tell(seen{err: errors.New("two\n  lines")}); did != "wait" || s.fatal {
		t.Errorf("a later look failed: %q", did)
	}
	if got := s.text(); !strings.HasPrefix(got, "Sessions of acme · no answer since 12:00:00, asking on: two lines\n") || s.users() != "ann" {
		t.Error(got)
	}
	s.sees(10*time.Second, "pro:1")
	if got := s.text(); !strings.HasPrefix(got, "Sessions of acme · 12:00:10, every 5s\n") {
		t.Error(got)
	}
	if did := s.tell(seen{err: refused(api.OrganizationNotFound)}); did != "quit" || !s.fatal {
		t.Errorf("a refusal: %q", did)
	}
}

// TestWhatFollows each message.
func TestWhatFollows(t *testing.T) {
	s := newScreen(100, 24)
	for _, tt := range []struct {
		message tea.Msg
		want    string
	}{
		{seen{sight: sight(0, "pro:1")}, "wait"},
		{due{}, "look"},
		{tea.WindowSizeMsg{Width: 40, Height: 10}, ""},
		{pressed("s"), ""},
		{pressed("x"), ""},
		{tea.FocusMsg{}, ""},
		{pressed("q"), "quit"},
		{pressed("esc"), "quit"},
		{pressed("ctrl+c"), "quit"},
	} {
		if did := s.tell(tt.message); did != tt.want {
			t.Errorf("%T: %q, want %q", tt.message, did, tt.want)
		}
	}
	if first := s.Init(); first() != "look" {
		t.Error("it does not begin with a look")
	}
}

// crowd are sessions of so many users of a license, u-0 the newest.
func crowd(n int) Sight {
	s := sight(0, "pro:9")
	for i := range n {
		one := sight(0, fmt.Sprintf("u%d@pro", i)).Sessions[0]
		one.AcquiredAt = api.NewTime(noon().Add(-time.Duration(i) * time.Minute))
		one.LastHeartbeatAt = api.NewTime(noon().Add(-time.Duration((i*3)%n) * time.Second))
		s.Sessions = append(s.Sessions, one)
	}
	return s
}

// TestScrolling shows as many rows as fit, and stays within those there are.
func TestScrolling(t *testing.T) {
	s := newScreen(100, around+1+3) // one bar, three rows
	s.tell(seen{sight: crowd(7)})
	for _, tt := range []struct{ key, want string }{
		{"up", "u0 u1 u2"}, {"down", "u1 u2 u3"}, {"pgdown", "u4 u5 u6"}, {"down", "u4 u5 u6"}, {"k", "u3 u4 u5"}, {"pgup", "u0 u1 u2"}, {"j", "u1 u2 u3"},
	} {
		if s.press(tt.key); s.users() != tt.want {
			t.Errorf("%s: %s, want %s", tt.key, s.users(), tt.want)
		}
	}
	s.press("pgdown", "pgdown")
	if s.tell(tea.WindowSizeMsg{Width: 100, Height: around + 1 + 5}); s.users() != "u2 u3 u4 u5 u6" {
		t.Errorf("a larger terminal: %s", s.users())
	}
	if s.tell(seen{sight: sight(time.Hour, "pro:9")}); s.tell(seen{sight: sight(2*time.Hour, "pro:9 ann@pro")}) != "wait" || s.users() != "ann" {
		t.Errorf("fewer sessions: %s", s.users())
	}
	if s.tell(tea.WindowSizeMsg{Width: 1, Height: 1}); !strings.Contains(s.text(), "\n") {
		t.Error("a terminal of one cell")
	}
}

// TestSorting by each column, and the other way round.
func TestSorting(t *testing.T) {
	s := newScreen(120, 24)
	s.tell(seen{sight: crowd(4)})
	for _, tt := range []struct{ key, want, head string }{
		{"r", "u3 u2 u1 u0", "SINCE ↑"},
		{"r", "u0 u1 u2 u3", "SINCE ↓"},
		{"s", "u0 u1 u2 u3", "LICENSE ↓"},
		{"s", "u0 u1 u2 u3", "USER ↓"},
		{"r", "u3 u2 u1 u0", "USER ↑"},
		{"s", "u3 u2 u1 u0", "MACHINE ↑"},
		{"r", "u0 u1 u2 u3", "MACHINE ↓"},
		{"s", "u0 u3 u2 u1", "HEARTBEAT ↓"},
		{"s", "u0 u1 u2 u3", "SINCE ↓"},
	} {
		if s.press(tt.key); s.users() != tt.want || !strings.Contains(s.text(), tt.head) {
			t.Errorf("%s: %s, want %s\n%s", tt.head, s.users(), tt.want, s.text())
		}
	}
}

// TestNarrowScreens cut what does not fit, and many licenses leave room for sessions.
func TestNarrowScreens(t *testing.T) {
	s := newScreen(30, 15)
	s.sees(0, "a:1 b:1 c:1 d:1 e:1 f:1 g:1 ann@a")
	lines := strings.Split(s.text(), "\n")
	if !strings.Contains(s.text(), "\nand 2 more (--license shows one alone)\n") || len(lines) > 15 {
		t.Errorf("%d lines\n%s", len(lines), s.text())
	}
	for _, line := range lines[9:] {
		if ansi.StringWidth(line) > 30 {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestBars(t *testing.T) {
	for _, tt := range []struct {
		used, max, full int
		words           string
	}{
		{0, 3, 0, "0 of 3"},
		{1, 1000, 1, "1 of 1000"},
		{1, 2, 12, "1 of 2"},
		{4, 5, 19, "4 of 5, nearly full"},
		{999, 1000, 23, "999 of 1000, nearly full"},
		{3, 3, 24, "3 of 3, full"},
		{4, 3, 24, "4 of 3, more than there are"},
		{0, 0, 0, "0 of 0"},
		{1, 0, 24, "1 of 0, more than there are"},
	} {
		p := pool{used: tt.used, max: tt.max}
		if bar := ansi.Strip(p.bar()); strings.Count(bar, "█") != tt.full || ansi.StringWidth(bar) != barWidth || p.words() != tt.words {
			t.Errorf("%d of %d: %s %s", tt.used, tt.max, bar, p.words())
		}
	}
}

func TestAge(t *testing.T) {
	for length, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m 0s", 3_599 * time.Second: "59m 59s", 90 * time.Minute: "1h 30m", 50 * time.Hour: "2d 2h",
	} {
		if got := age(api.NewTime(noon()), noon().Add(length)); got != want {
			t.Errorf("%s: %s, want %s", length, got, want)
		}
	}
}

// TestAProgramRuns: the real event loop looks, draws, looks again and quits by a key.
func TestAProgramRuns(t *testing.T) {
	in, keyboard := io.Pipe()
	defer func() { _ = keyboard.Close() }()
	again := make(chan struct{})
	looks := 0
	w := Watch{
		Organization: "acme", Every: time.Second,
		Look: func(context.Context) (Sight, error) {
			if looks++; looks == 3 {
				close(again) // it has drawn what it saw before
			}
			return sight(0, "pro:3 ann@pro"), nil
		},
		Wait: func(ctx context.Context, _ time.Duration) error {
			if looks < 3 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
	}
	go func() {
		<-again
		_, _ = io.WriteString(keyboard, "q")
	}()
	var out locked
	if err := w.screen(t.Context(), in, &out, tea.WithWindowSize(100, 24)); err != nil {
		t.Fatal(err)
	}
	if drawn := ansi.Strip(out.String()); !strings.Contains(drawn, "ann") || !strings.Contains(drawn, "1 of 3") {
		t.Errorf("drawn: %q", drawn)
	}
}

// TestAProgramEnds with the context, which is no failure, and with a refusal, which is.
func TestAProgramEnds(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	w := Watch{
		Look: func(context.Context) (Sight, error) { end(); return sight(0, ""), nil },
		Wait: func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() },
	}
	var out locked
	if err := w.screen(ctx, strings.NewReader(""), &out); err != nil {
		t.Error(err)
	}
	gone := refused(api.OrganizationNotFound)
	w.Look = func(context.Context) (Sight, error) { return Sight{}, gone }
	if err := w.screen(t.Context(), strings.NewReader(""), &out); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// locked is a buffer that the renderer's goroutine may write to.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
