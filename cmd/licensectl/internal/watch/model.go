package watch

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Screen shows a live view at a terminal until somebody quits it or the context ends.
// It fails as [Watch.Lines] does.
func (w Watch) Screen(ctx context.Context, in io.Reader, out io.Writer) error {
	return w.screen(ctx, in, out)
}

func (w Watch) screen(ctx context.Context, in io.Reader, out io.Writer, more ...tea.ProgramOption) error {
	looking, stop := context.WithCancel(ctx)
	defer stop() // ends a look or a wait that the program has left behind
	// The command handles signals itself, by the context.
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler()}
	p := tea.NewProgram(newModel(looking, w), append(options, more...)...)
	last, err := p.Run()
	if ctx.Err() != nil {
		return nil
	}
	if m, ok := last.(model); ok && m.fatal {
		return m.failed
	}
	return err
}

// model is what the screen shows. Each of its messages is a function's result, so that
// what comes of it depends on nothing else, the time included.
type model struct {
	organization  string
	every         time.Duration
	look, wait    tea.Cmd
	board         board
	failed        error // why the last look failed; nil if it did not
	fatal         bool
	order         int // of orders
	reverse       bool
	offset        int // rows scrolled away
	width, height int
	keys          keys
}

func newModel(ctx context.Context, w Watch) model {
	return model{
		organization: w.Organization, every: w.Every, keys: newKeys(),
		look: func() tea.Msg {
			sight, err := w.Look(ctx)
			return seen{sight, err}
		},
		wait: func() tea.Msg {
			if w.Wait(ctx, w.Every) != nil {
				return nil
			}
			return due{}
		},
	}
}

// seen is the service's answer to a look, due that it is time for the next one.
type (
	seen struct {
		sight Sight
		err   error
	}
	due struct{}
)

// Init implements [tea.Model].
func (m model) Init() tea.Cmd { return m.look }

// Update implements [tea.Model].
func (m model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case seen:
		return m.seen(message)
	case due:
		return m, m.look
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
		return m.scrolled(0), nil
	case tea.KeyPressMsg:
		return m.pressed(message)
	}
	return m, nil
}

func (m model) seen(s seen) (tea.Model, tea.Cmd) {
	m.failed = s.err
	if s.err != nil {
		if m.fatal = m.board.at.IsZero() || hopeless(s.err); m.fatal {
			return m, tea.Quit
		}
		return m, m.wait
	}
	m.board.see(s.sight)
	return m.scrolled(0), m.wait
}

func (m model) pressed(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch {
	case key.Matches(k, m.keys.quit):
		return m, tea.Quit
	case key.Matches(k, m.keys.order):
		m.order = (m.order + 1) % len(orders())
		m.offset = 0
	case key.Matches(k, m.keys.reverse):
		m.reverse = !m.reverse
		m.offset = 0
	case key.Matches(k, m.keys.up):
		return m.scrolled(-1), nil
	case key.Matches(k, m.keys.down):
		return m.scrolled(1), nil
	case key.Matches(k, m.keys.pageUp):
		return m.scrolled(-m.room()), nil
	case key.Matches(k, m.keys.pageDown):
		return m.scrolled(m.room()), nil
	}
	return m, nil
}

// scrolled moves by so many rows, as far as there are any.
func (m model) scrolled(by int) model {
	m.offset = max(0, min(m.offset+by, len(m.board.rows)-m.room()))
	return m
}

// keys are what a person may press.
type keys struct{ order, reverse, up, down, pageUp, pageDown, quit key.Binding }

func newKeys() keys {
	bind := func(shown, does string, pressed ...string) key.Binding {
		return key.NewBinding(key.WithKeys(pressed...), key.WithHelp(shown, does))
	}
	return keys{
		order:    bind("s", "sort by the next column", "s"),
		reverse:  bind("r", "turn the order round", "r"),
		up:       bind("↑", "up", "up", "k"),
		down:     bind("↓", "down", "down", "j"),
		pageUp:   bind("page up", "page up", "pgup"),
		pageDown: bind("page down", "page down", "pgdown", "space"),
		quit:     bind("q", "quit", "q", "esc", "ctrl+c"),
	}
}

// shown are the keys of which the last line tells; the others are what people try.
func (k keys) shown() []key.Binding {
	return []key.Binding{k.order, k.reverse, k.up, k.down, k.quit}
}

// order is a way to sort the sessions.
type order struct {
	column  string
	compare func(x, y row) int
}

// orders are the ways there are; the first is that of the service, the newest first.
func orders() []order {
	by := func(column string, of func(api.LiveSession) string) order {
		return order{column, func(x, y row) int { return cmp.Compare(of(x.session), of(y.session)) }}
	}
	return []order{
		{since, func(x, y row) int { return y.session.AcquiredAt.Compare(x.session.AcquiredAt.Time) }},
		by(license, func(s api.LiveSession) string { return s.LicenseID }),
		by(user, func(s api.LiveSession) string { return s.UserID }),
		by(machine, Machine),
		{heartbeat, func(x, y row) int { return y.session.LastHeartbeatAt.Compare(x.session.LastHeartbeatAt.Time) }},
	}
}

// sorted are all rows in the order that is asked for; those that are equal in it stay in
// one order, or the screen would flicker.
func (m model) sorted() []row {
	rows := make([]row, 0, len(m.board.rows))
	for _, r := range m.board.rows {
		rows = append(rows, r)
	}
	compare := orders()[m.order].compare
	slices.SortFunc(rows, func(x, y row) int {
		by := compare(x, y)
		if m.reverse {
			by = -by
		}
		return cmp.Or(by, cmp.Compare(x.session.SessionID, y.session.SessionID))
	})
	return rows
}
