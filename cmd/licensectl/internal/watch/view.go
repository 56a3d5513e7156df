package watch

import (
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/help"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// The columns.
const (
	state     = "STATE"
	license   = "LICENSE"
	user      = "USER"
	machine   = "MACHINE"
	program   = "PROGRAM"
	since     = "SINCE"
	heartbeat = "HEARTBEAT"
)

// barWidth is that of a license's bar, in cells.
const barWidth = 24

// around is how many lines stand around the bars and the rows: the title, its blank, the
// blank before the table, its head, the blank before the keys, and the keys.
const around = 6

// View implements [tea.Model].
func (m model) View() tea.View {
	v := tea.NewView(m.content())
	v.AltScreen = true
	v.WindowTitle = "sessions of " + m.organization
	return v
}

func (m model) content() string {
	if m.height == 0 {
		return "" // the terminal has not said yet how large it is
	}
	parts := []string{m.title(), "", m.bars(), "", m.table(), "", m.help()}
	return strings.Join(parts, "\n")
}

// title is what is shown, and how old it is.
func (m model) title() string {
	bold := lipgloss.NewStyle().Bold(true).Render("Sessions of " + m.organization)
	switch {
	case m.board.at.IsZero():
		return bold + " · asking the service"
	case m.failed != nil:
		// One line: what went wrong may have several.
		why := strings.Join(strings.Fields(m.failed.Error()), " ")
		stale := "no answer since " + clock(m.board.at) + ", asking on: " + why
		return bold + " · " + lipgloss.NewStyle().Foreground(lipgloss.Red).Render(stale)
	}
	return bold + " · " + clock(m.board.at) + ", every " + m.every.String()
}

func clock(at time.Time) string { return at.Format(time.TimeOnly) }

// room is how many rows of the table fit; one at least, or there were nothing to scroll.
func (m model) room() int {
	return max(1, m.height-around-len(m.pools())-m.hidden())
}

// pools are the licenses whose bars fit into a third of the screen, by id.
func (m model) pools() []pool {
	all := slices.SortedFunc(maps.Values(m.board.pools), func(x, y pool) int { return cmp.Compare(x.id, y.id) })
	return all[:min(len(all), max(1, m.height/3))]
}

// hidden is 1 if a line says that there are more licenses.
func (m model) hidden() int { return min(1, len(m.board.pools)-len(m.pools())) }

func (m model) bars() string {
	shown := m.pools()
	longest := 0
	for _, p := range shown {
		longest = max(longest, len(p.id))
	}
	var lines []string
	for _, p := range shown {
		lines = append(lines, fmt.Sprintf("%-*s  %s  %s", longest, p.id, p.bar(), p.words()))
	}
	if more := len(m.board.pools) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more (--license shows one alone)", more))
	}
	if len(lines) == 0 {
		return "no licenses"
	}
	return strings.Join(lines, "\n")
}

// bar is full if the license is, and has something in it if one seat is used.
func (p pool) bar() string {
	full := 0
	switch {
	case p.used == 0:
	case p.used >= p.max:
		full = barWidth
	default:
		full = max(1, p.used*barWidth/p.max)
	}
	paint := lipgloss.NewStyle().Foreground(p.color())
	return paint.Render(strings.Repeat("█", full)) + strings.Repeat("░", barWidth-full)
}

// nearlyFull: a fifth of the seats is left, or less.
func (p pool) nearlyFull() bool { return p.used > 0 && 5*p.used >= 4*p.max }

func (p pool) color() color.Color {
	switch {
	case p.used >= p.max:
		return lipgloss.Red
	case p.nearlyFull():
		return lipgloss.Yellow
	}
	return lipgloss.Green
}

// words say what the bar's color does.
func (p pool) words() string {
	text := fmt.Sprintf("%d of %d", p.used, p.max)
	switch {
	case p.used > p.max:
		return text + ", more than there are"
	case p.used == p.max && p.max > 0:
		return text + ", full"
	case p.nearlyFull():
		return text + ", nearly full"
	}
	return text
}

func (m model) table() string {
	rows := m.sorted()
	if len(rows) == 0 {
		return "Nobody has a seat."
	}
	rows = rows[m.offset:min(len(rows), m.offset+m.room())]
	t := table.New().Headers(m.heads()...).Wrap(false).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderColumn(false).BorderHeader(false).
		StyleFunc(func(line, _ int) lipgloss.Style {
			style := lipgloss.NewStyle().PaddingRight(2)
			if line == table.HeaderRow {
				return style.Bold(true)
			}
			return paint(style, rows[line].word(m.board.at))
		})
	for _, r := range rows {
		t.Row(m.cells(r)...)
	}
	if text := t.Render(); lipgloss.Width(text) <= m.width {
		return text
	}
	return t.Width(m.width).Render()
}

// heads are the columns' names; the one that is sorted by has an arrow.
func (m model) heads() []string {
	heads := []string{state, license, user, machine, program, since, heartbeat}
	arrow := map[bool]string{false: " ↓", true: " ↑"}[m.reverse]
	for i, head := range heads {
		if head == orders()[m.order].column {
			heads[i] += arrow
		}
	}
	return heads
}

func (m model) cells(r row) []string {
	s := r.session
	cells := []string{
		r.word(m.board.at), s.LicenseID, s.UserID, Machine(s), Program(s),
		age(s.AcquiredAt, m.board.at), age(s.LastHeartbeatAt, m.board.at) + " ago",
	}
	for i := range cells {
		cells[i] = show.Human("", cells[i])
	}
	return cells
}

// paint is a row's color. Its word says the same.
func paint(s lipgloss.Style, word string) lipgloss.Style {
	switch word {
	case fresh:
		return s.Foreground(lipgloss.Green)
	case over:
		return s.Faint(true)
	case api.SessionActive:
		return s
	}
	return s.Foreground(lipgloss.Yellow)
}

// age is a length of time in its two largest units. The service's clock may be ahead of
// this machine's: nothing is younger than now.
func age(of api.Time, now time.Time) string {
	seconds := int(max(0, now.Sub(of.Time)) / time.Second)
	minutes, hours, days := seconds/60, seconds/3_600, seconds/86_400
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes%60)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, seconds%60)
	}
	return fmt.Sprintf("%ds", seconds)
}

func (m model) help() string {
	h := help.New()
	h.SetWidth(m.width)
	h.Styles = help.Styles{} // the terminal's own color is readable on its background
	return h.ShortHelpView(m.keys.shown())
}
