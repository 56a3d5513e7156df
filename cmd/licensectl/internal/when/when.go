// Package when reads and shows times as people say them: a day that is the last,
// a span from now, a length such as 7d. It has no clock of its own.
package when

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

const (
	day = 24 * time.Hour

	endForms  = "say the last day (2027-01-31), a moment (2027-01-31T17:00:00Z), never, or how long from now (+1y, +6mo, +2w, +90d)"
	spanForms = "say how long, such as +1y, +6mo, +2w or +90d"
)

// End is when a license ends, as the API takes it. A day alone is the last: the
// license ends when that day does, in UTC. So does a span from now, on the day
// that it reaches.
func End(text string, now time.Time) (string, error) {
	if strings.HasPrefix(text, "+") {
		reached, err := after(now.UTC(), text)
		return wire(endOfDay(reached)), err
	}
	return Fixed(text)
}

// Fixed is [End] without spans: it means the same whenever it is read.
func Fixed(text string) (string, error) {
	if text == api.Never {
		return text, nil
	}
	if last, err := time.Parse(time.DateOnly, text); err == nil {
		return wire(endOfDay(last)), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return wire(at), nil
	}
	return "", fmt.Errorf("%q is no end of a license: %s", text, endForms)
}

// Renewed is the end of a license that is renewed by a span: from its present end,
// or from now if that is over. What ends with a day does so again; any other end keeps
// its time of day.
func Renewed(end, span string, now time.Time) (string, error) {
	if err := CheckSpan(span); err != nil {
		return "", err
	}
	switch end {
	case api.Never:
		return "", errors.New("it never ends: there is nothing to renew")
	case "":
		return "", errors.New("nobody has said when it ends: say it with license update --expires")
	}
	present, err := time.Parse(time.RFC3339, end)
	if err != nil {
		return "", fmt.Errorf("its end cannot be read: %w", err)
	}
	switch {
	case present.Before(now):
		return End(span, now)
	case wholeDay(present):
		return End(span, present.Add(-day))
	}
	renewed, err := after(present.UTC(), span)
	return wire(renewed), err
}

// CheckSpan says what is wrong with a span.
func CheckSpan(text string) error {
	_, err := after(time.Time{}, text)
	return err
}

// after is the moment a span later.
func after(from time.Time, text string) (time.Time, error) {
	parts := regexp.MustCompile(`^\+(\d{1,4})(y|mo|w|d)$`).FindStringSubmatch(text)
	if parts == nil {
		return from, fmt.Errorf("%q is no span: %s", text, spanForms)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return from, err
	}
	switch parts[2] {
	case "y":
		return addMonths(from, 12*n), nil
	case "mo":
		return addMonths(from, n), nil
	case "w":
		return from.AddDate(0, 0, 7*n), nil
	default:
		return from.AddDate(0, 0, n), nil
	}
}

// addMonths is [time.Time.AddDate], but stays in the month that it reaches: a month
// after January 31 is the last of February, and not in March.
func addMonths(from time.Time, n int) time.Time {
	to := from.AddDate(0, n, 0)
	if to.Day() != from.Day() {
		return to.AddDate(0, 0, -to.Day())
	}
	return to
}

// wholeDay: it ends with a day.
func wholeDay(end time.Time) bool { return end.UTC().Truncate(day).Equal(end) }

// endOfDay is the first moment that is no longer of the day.
func endOfDay(at time.Time) time.Time {
	y, m, d := at.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}

func wire(at time.Time) string { return api.NewTime(at).String() }

// Show is an end as people read it: what ends with a day by that day, everything
// else to the letter.
func Show(end string) string {
	at, err := time.Parse(time.RFC3339, end)
	if err != nil || !wholeDay(at) {
		return end
	}
	return at.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
}

// Seconds reads a length such as 7d, 2w, 12h or 30m, in whole seconds.
func Seconds(text string) (int64, error) {
	d, err := length(text)
	if err != nil || d < 0 || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is no length: say it in whole seconds or more, such as 7d, 2w, 12h, 30m or 0", text)
	}
	return int64(d / time.Second), nil
}

func length(text string) (time.Duration, error) {
	for unit, size := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseUint(number, 10, 16)
			return time.Duration(n) * size, err
		}
	}
	return time.ParseDuration(text)
}

// Length shows seconds in the largest unit that they are whole in.
func Length(seconds int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"d", 86_400}, {"h", 3_600}, {"m", 60}} {
		if seconds >= unit.size && seconds%unit.size == 0 {
			return strconv.FormatInt(seconds/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(seconds, 10) + "s"
}
