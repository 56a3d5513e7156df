package circuit

import (
	"sync"
	"time"
)

// state is that of a circuit.
type state int

const (
	// closed lets all calls pass.
	closed state = iota
	// open refuses all.
	open
	// trying lets one pass, which finds out.
	trying
)

// result is what a call says of its backend.
type result int

const (
	failure result = iota
	success
	// nothing: its caller did not wait long enough.
	nothing
)

// machine is the state of a circuit, and how calls change it. It is safe for concurrent
// use.
type machine struct {
	cooldown time.Duration
	// trips reports whether so many failures in a row as there were open the circuit.
	trips func() bool
	// changed is told of changes, one after the other.
	changed func(from, to state)

	mu    sync.Mutex
	state state
	// turn counts the changes: the result of a call that began before the latest says
	// nothing of the backend as it is now.
	turn     uint64
	failures int  // in a row, while closed
	out      bool // while trying: a call has passed
	until    time.Time
}

// now is the state, after the time that has passed.
func (m *machine) now() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current()
}

func (m *machine) current() state {
	if m.state == open && time.Now().After(m.until) {
		m.become(trying)
	}
	return m.state
}

func (m *machine) become(to state) {
	from := m.state
	m.state, m.failures, m.out = to, 0, false
	m.turn++
	if to == open {
		m.until = time.Now().Add(m.cooldown)
	}
	m.changed(from, to)
}

// begin lets a call pass or not.
func (m *machine) begin() (turn uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch s := m.current(); {
	case s == open, s == trying && m.out:
		return 0, false
	case s == trying:
		m.out = true
	}
	return m.turn, true
}

// end notes the result of a call that passed.
func (m *machine) end(turn uint64, r result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current(); turn != m.turn {
		return
	}
	switch {
	case r == nothing:
		m.out = false // the next one finds out
	case r == success && m.state == trying:
		m.become(closed)
	case r == success:
		m.failures = 0
	case m.state == trying:
		m.become(open)
	default:
		if m.failures++; m.failures >= Failures && m.trips() {
			m.become(open)
		}
	}
}
