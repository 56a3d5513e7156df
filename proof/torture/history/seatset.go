package history

import (
	"fmt"
	"math/bits"

	"github.com/anishathalye/porcupine"
)

// move is an operation on a pool of seats.
type move int

const (
	take   move = iota // a session takes a seat
	keep               // a session is found to have one
	refuse             // all are held
	free               // a session's seat comes free
)

// input is a move of one session, under the limit that was in force: the largest
// for who takes a seat, the smallest for who is refused one. phantoms are seats that
// may be held without anybody's knowledge: taken, and taken back, by requests of
// unknown outcome.
type input struct {
	session  string
	move     move
	seat     int
	limit    int
	phantoms int
}

// String tells the move.
func (i input) String() string {
	return fmt.Sprintf("%s %s (limit %d, perhaps %d more)", [...]string{"takes", "keeps", "refused", "frees"}[i.move], i.session, i.limit, i.phantoms)
}

// seatSet is a set of sessions.
type seatSet [maxSeats / 64]uint64

func (s seatSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s seatSet) with(i int) seatSet    { s[i/64] |= 1 << (i % 64); return s }
func (s seatSet) without(i int) seatSet { s[i/64] &^= 1 << (i % 64); return s }

func (s seatSet) size() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// model is a pool of seats.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return seatSet{} },
		Step: func(state, in, _ any) (bool, any) {
			return step(state.(seatSet), in.(input)) //nolint:errcheck,forcetypeassert // what build makes
		},
	}
}

func step(s seatSet, i input) (bool, seatSet) {
	switch i.move {
	case take:
		return s.size() < i.limit && !s.has(i.seat), s.with(i.seat)
	case keep:
		return s.has(i.seat), s
	case refuse:
		return s.size()+i.phantoms >= i.limit, s
	default:
		return s.has(i.seat), s.without(i.seat)
	}
}
