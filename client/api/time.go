package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// TimeFormat is the wire form of a [Time]: RFC 3339 in UTC with exactly three
// fractional digits, so that equal times are equal strings.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Time is an instant on the wire. It writes [TimeFormat], cutting what is finer
// than a millisecond, and reads any RFC 3339 time. Leave a zero one out with
// the json option omitzero.
type Time struct{ time.Time }

// NewTime is t on the wire.
func NewTime(t time.Time) Time { return Time{t} }

// String is the wire form.
func (t Time) String() string { return t.UTC().Format(TimeFormat) }

// MarshalText writes the wire form; years outside 0–9999 have none.
func (t Time) MarshalText() ([]byte, error) { return t.append(nil) }

// MarshalJSON writes the wire form as a string.
func (t Time) MarshalJSON() ([]byte, error) {
	b, err := t.append(append(make([]byte, 0, len(TimeFormat)+2), '"'))
	return append(b, '"'), err
}

func (t Time) append(b []byte) ([]byte, error) {
	u := t.UTC()
	if y := u.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("api: year %d has no RFC 3339 form", y)
	}
	return u.AppendFormat(b, TimeFormat), nil
}

// UnmarshalText reads an RFC 3339 time, in any zone and with any precision.
func (t *Time) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return fmt.Errorf("api: not an RFC 3339 time: %w", err)
	}
	t.Time = parsed.UTC()
	return nil
}

// UnmarshalJSON reads an RFC 3339 time in a string; null leaves t as it is.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("api: a time is a string: %w", err)
	}
	return t.UnmarshalText([]byte(s))
}
