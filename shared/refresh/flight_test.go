package refresh_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// flights is a flight whose work waits for the gate of its key.
type flights struct {
	flight refresh.Flight[string, int]
	runs   map[string]int // read when all goroutines wait
	gates  map[string]chan struct{}
}

func newFlights() *flights {
	return &flights{runs: map[string]int{}, gates: map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}}
}

func (f *flights) do(ctx context.Context, key string, work func() (int, error)) func() (int, error) {
	return func() (int, error) {
		return f.flight.Do(ctx, key, deadline, func(ctx context.Context) (int, error) {
			f.runs[key]++
			select {
			case <-f.gates[key]:
				return work()
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		})
	}
}

func (f *flights) wantRuns(t *testing.T, key string, want int) {
	t.Helper()
	synctest.Wait()
	if f.runs[key] != want {
		t.Errorf("%d runs for %s, want %d", f.runs[key], key, want)
	}
}

func constant(value int, err error) func() (int, error) {
	return func() (int, error) { return value, err }
}

func TestFlightSharesByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		var all []<-chan outcome
		for range 10 {
			all = append(all, asks(f.do(t.Context(), "a", constant(1, errTold))))
		}
		b := asks(f.do(t.Context(), "b", constant(2, nil)))
		close(f.gates["b"])
		if o := <-b; o.value != 2 || o.err != nil {
			t.Errorf("b met %+v", o)
		}
		for _, done := range all {
			waiting(t, done)
		}
		close(f.gates["a"])
		for _, done := range all {
			if o := <-done; o.value != 1 || !errors.Is(o.err, errTold) {
				t.Errorf("a met %+v", o)
			}
		}
		f.wantRuns(t, "a", 1)
		<-asks(f.do(t.Context(), "a", constant(3, nil)))
		f.wantRuns(t, "a", 2) // nothing is kept
	})
}

// TestFlightOutlivesItsCallers: who leaves is told so at once, the others get
// the answer, and the work is not cut short.
func TestFlightOutlivesItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		leaving, leave := context.WithCancel(t.Context())
		first := asks(f.do(leaving, "a", constant(1, nil)))
		second := asks(f.do(t.Context(), "a", nil))
		leave()
		if o := <-first; !errors.Is(o.err, refresh.ErrLeft) || !errors.Is(o.err, context.Canceled) || o.value != 0 {
			t.Errorf("who left met %+v", o)
		}
		waiting(t, second)
		close(f.gates["a"])
		if o := <-second; o.value != 1 || o.err != nil {
			t.Errorf("who stayed met %+v", o)
		}
		f.wantRuns(t, "a", 1)
	})
}

func TestFlightHasItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		began := time.Now()
		_, err := f.do(t.Context(), "a", nil)()
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, refresh.ErrLeft) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != deadline {
			t.Errorf("took %v", took)
		}
	})
}

// TestFlightSurvivesWhatWorkDoes: a panic reaches all who wait, a goroutine that
// ends gives them an error, and the key is free again.
func TestFlightSurvivesWhatWorkDoes(t *testing.T) {
	for name, work := range map[string]func() (int, error){
		"panic": func() (int, error) { panic("boom") },
		"nil":   func() (int, error) { panic(nil) }, //nolint:govet // the fault that is to be survived
		"exit":  func() (int, error) { runtime.Goexit(); return 1, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlights()
				first, second := asks(f.do(t.Context(), "a", work)), asks(f.do(t.Context(), "a", work))
				close(f.gates["a"])
				for _, done := range []<-chan outcome{first, second} {
					o := <-done
					if _, panicked := o.panicked.(*refresh.Panic); panicked != (name != "exit") || !panicked && o.err == nil {
						t.Errorf("met %+v", o)
					}
				}
				if o := <-asks(f.do(t.Context(), "a", constant(1, nil))); o.value != 1 || o.err != nil {
					t.Errorf("afterwards met %+v", o)
				}
				f.wantRuns(t, "a", 2)
			})
		})
	}
}
