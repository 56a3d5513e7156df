package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/when"
)

var errNothingToChange = usageError{errors.New("nothing to change is said: name a field, such as --seats 12")}

// The values of flags below read what people say. One that is not said is nil.

// licenseID names a license: organization and license with a slash between.
type licenseID struct{ organization, license string }

// UnmarshalText reads it.
func (l *licenseID) UnmarshalText(text []byte) error {
	organization, license, ok := strings.Cut(string(text), "/")
	if !ok || organization == "" || license == "" || strings.Contains(license, "/") {
		return fmt.Errorf("%q names no license: say ORGANIZATION/LICENSE, such as acme/acme-pro", text)
	}
	*l = licenseID{organization, license}
	return nil
}

func (l licenseID) String() string { return l.organization + "/" + l.license }

// endFlag is when a license ends, as [when.End] reads it.
type endFlag struct{ value *string }

// UnmarshalText reads it.
func (e *endFlag) UnmarshalText(text []byte) error {
	end, err := when.End(string(text), time.Now())
	e.value = &end
	return err
}

// lengthFlag is a length in seconds, as [when.Seconds] reads it.
type lengthFlag struct{ value *int64 }

// UnmarshalText reads it.
func (l *lengthFlag) UnmarshalText(text []byte) error {
	seconds, err := when.Seconds(string(text))
	l.value = &seconds
	return err
}

// listFlag are words with commas between; an empty text is no word.
type listFlag struct{ value *api.List }

// UnmarshalText reads them.
func (l *listFlag) UnmarshalText(text []byte) error {
	list := api.List{}
	for word := range strings.SplitSeq(string(text), ",") {
		if word = strings.TrimSpace(word); word != "" {
			list = append(list, word)
		}
	}
	l.value = &list
	return nil
}

// spanFlag is by how much a license is renewed.
type spanFlag string

// UnmarshalText reads it.
func (s *spanFlag) UnmarshalText(text []byte) error {
	*s = spanFlag(text)
	return when.CheckSpan(string(text))
}
