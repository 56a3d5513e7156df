package properties_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
)

// compareErr says whether the call succeeded.
func compareErr(w *twins, org string, call func(ledger.Ledger) error) bool {
	w.Helper()
	var first error
	compare(w, org, func(l ledger.Ledger) (struct{}, error) {
		err := call(l)
		if l == w.redis {
			first = err
		}
		return struct{}{}, err
	})
	return first == nil
}

// compare makes a call on both and fails unless they answer the same. It hands
// on the redis ledger's answer.
func compare[A any](w *twins, org string, call func(ledger.Ledger) (A, error)) A {
	w.Helper()
	want, wantErr := call(w.model)
	got, err := call(w.redis)
	var a, b *ledger.RebuildError
	if errors.As(wantErr, &a) && errors.As(err, &b) {
		w.nonces[org] = nonces{model: a.Nonce, redis: b.Nonce}
		return got
	}
	wantText, wantTimes := w.flatten(want, wantErr)
	text, times := w.flatten(got, err)
	same := text == wantText && len(times) == len(wantTimes)
	for i := range times {
		same = same && times[i].Sub(wantTimes[i]).Abs() <= w.tolerance
	}
	if !same {
		w.Fatalf("redis and the model differ:\nredis %+v, %v\nmodel %+v, %v\n%s %v\n%s %v", got, err, want, wantErr, text, times, wantText, wantTimes)
	}
	return got
}

// flatten is an answer as text without its times, and the times in order.
func (w *twins) flatten(answer any, err error) (string, []time.Time) {
	var text strings.Builder
	var times []time.Time
	w.walk(reflect.ValueOf(answer), &text, &times)
	var full *ledger.FullError
	switch {
	case errors.As(err, new(*ledger.ClockError)):
		text.WriteString("the clocks differ")
	case errors.As(err, &full):
		fmt.Fprintf(&text, "full %+v", full.Refusals)
		times = append(times, time.Time{}.Add(full.RetryAfter))
	case err != nil:
		fmt.Fprintf(&text, "%T %v", err, err)
		w.walk(reflect.ValueOf(err), &text, &times)
	}
	return text.String(), times
}

func (w *twins) walk(v reflect.Value, text *strings.Builder, times *[]time.Time) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if t, ok := v.Interface().(time.Time); ok {
		fmt.Fprintf(text, "time(%t) ", t.IsZero())
		*times = append(*times, t)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fmt.Fprintf(text, "%s:", f.Name)
				w.walk(v.Field(i), text, times)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.walk(v.Index(i), text, times)
		}
	default:
		fmt.Fprintf(text, "%v ", v.Interface())
	}
}
