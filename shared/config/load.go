package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Load reads the configuration of a function ([Acquire], [Heartbeat],
// [Release], [Reaper], in any case) out of its environment. A variable that is
// set to nothing is one that is not set. The error joins every fault found, so
// that one deployment is enough to see them all; each names its variable, what
// is wrong and what to do, and none repeats a secret.
func Load(function string, environ map[string]string) (Config, error) {
	c := Config{}
	opts := env.Options{Environment: present(environ)}
	errs := []error{refuseEmulators(environ)}
	unread := map[string]bool{}
	if err := env.ParseWithOptions(&c, opts); err != nil {
		errs = append(errs, explain(err, unread))
	}
	c.Function = strings.ToLower(function)
	if c.ReaperIAMChecked && environ["K_SERVICE"] == "" {
		errs = append(errs, fault("REAPER_IAM_CHECKED", "is set outside of Cloud Run (K_SERVICE is not set), where nobody checks the caller first", "unset it"))
	}
	c.ReaperAudiences = trimAll(c.ReaperAudiences)
	if c.IdentityProject == "" {
		c.IdentityProject = c.Project
	}
	errs = append(errs, c.validate(unread))
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("the configuration of %s is not usable:\n%w", function, err)
	}
	return c, nil
}

// present leaves out what is empty: Terraform and shells cannot unset.
func present(environ map[string]string) map[string]string {
	out := make(map[string]string, len(environ))
	for k, v := range environ {
		if strings.TrimSpace(v) != "" {
			out[k] = v
		}
	}
	return out
}

// refuseEmulators: these variables silently turn security off inside client
// libraries, wherever they come from.
func refuseEmulators(environ map[string]string) error {
	var errs []error
	if environ["FIREBASE_AUTH_EMULATOR_HOST"] != "" {
		errs = append(errs, fault("FIREBASE_AUTH_EMULATOR_HOST", "is set: it makes the Admin SDK accept unsigned tokens", "unset it; local runs issue really signed ones"))
	}
	if environ["FIRESTORE_EMULATOR_HOST"] != "" && environ["K_SERVICE"] != "" {
		errs = append(errs, fault("FIRESTORE_EMULATOR_HOST", "is set on Cloud Run (K_SERVICE is set): the record would be an emulator's", "unset it"))
	}
	return errors.Join(errs...)
}

// explain turns the parser's errors, which speak of struct fields, into ours.
// The fields that could not be read are noted in unread.
func explain(err error, unread map[string]bool) error {
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return err
	}
	var errs []error
	for _, e := range all.Errors {
		parse, ok := errors.AsType[env.ParseError](e)
		if !ok {
			errs = append(errs, e)
			continue
		}
		name := variable(parse.Name)
		unread[name] = true
		errs = append(errs, fault(name, "cannot be read", "set it to "+form(parse.Type)))
	}
	return errors.Join(errs...)
}

// variable is the environment variable of a field.
func variable(field string) string {
	f, ok := reflect.TypeFor[Config]().FieldByName(field)
	if !ok {
		return field
	}
	return f.Tag.Get("env")
}

// form says how a value of a type is written.
func form(t reflect.Type) string {
	switch {
	case t.String() == "time.Duration":
		return "a duration such as 90s, 6m or 1h"
	case t.String() == "slog.Level":
		return "debug, info, warn or error"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	}
	return "a value of its kind"
}

func trimAll(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// fault is one thing wrong with one variable.
func fault(variable, what, remedy string) error {
	return fmt.Errorf("%s %s: %s", variable, what, remedy)
}
