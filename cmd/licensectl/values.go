package main

import (
	"errors"
	"fmt"
	"slices"
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
func (l *licenseID) UnmarshalText(text []byte) (err error) {
	l.organization, l.license, err = pair(string(text), "license: say ORGANIZATION/LICENSE, such as acme/acme-pro")
	return err
}

func (l licenseID) String() string { return l.organization + "/" + l.license }

// sessionID names a session in the same way.
type sessionID struct{ organization, session string }

// UnmarshalText reads it.
func (s *sessionID) UnmarshalText(text []byte) (err error) {
	s.organization, s.session, err = pair(string(text), "session: say ORGANIZATION/SESSION, as session list -o name prints it")
	return err
}

func (s sessionID) String() string { return s.organization + "/" + s.session }

// userID names a user in the same way, by id or by address.
type userID struct{ organization, user string }

// UnmarshalText reads it.
func (u *userID) UnmarshalText(text []byte) (err error) {
	u.organization, u.user, err = pair(string(text), "user: say ORGANIZATION/USER, by id or address, such as acme/ann@acme.example")
	return err
}

func (u userID) String() string { return u.organization + "/" + u.user }

// webhookID names a webhook in the same way.
type webhookID struct{ organization, webhook string }

// UnmarshalText reads it.
func (w *webhookID) UnmarshalText(text []byte) (err error) {
	w.organization, w.webhook, err = pair(string(text), "webhook: say ORGANIZATION/WEBHOOK, such as acme/crm")
	return err
}

func (w webhookID) String() string { return w.organization + "/" + w.webhook }

// pair is what stands before and behind the one slash.
func pair(text, otherwise string) (organization, id string, err error) {
	organization, id, _ = strings.Cut(text, "/")
	if organization == "" || id == "" || strings.Contains(id, "/") {
		return "", "", fmt.Errorf("%q names no %s", text, otherwise)
	}
	return organization, id, nil
}

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

// listFlag are words with commas between; an empty text is none.
type listFlag struct{ value *api.List }

// UnmarshalText reads them.
func (l *listFlag) UnmarshalText(text []byte) error {
	list := api.List{}
	if len(text) > 0 {
		list = strings.Split(string(text), ",")
	}
	if slices.Contains(list, "") {
		return fmt.Errorf("%q has a comma too many", text)
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
