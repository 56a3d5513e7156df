package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/config"
)

// service is a Cloud Run service.
type service struct {
	Name     string `json:"name"`
	Template []struct {
		Timeout    string `json:"timeout"`
		Account    string `json:"service_account"`
		Containers []struct {
			Env []struct {
				Name   string `json:"name"`
				Value  string `json:"value"`
				Source []any  `json:"value_source"`
			} `json:"env"`
		} `json:"containers"`
	} `json:"template"`
}

func (s service) environment() map[string]string {
	env := map[string]string{"K_SERVICE": s.Name} // Cloud Run sets it
	for _, t := range s.Template {
		for _, c := range t.Containers {
			for _, e := range c.Env {
				env[e.Name] = e.Value
				if len(e.Source) > 0 {
					env[e.Name] = somethingSecret
				}
			}
		}
	}
	return env
}

// somethingSecret stands for the version of a secret, whose value is in no plan.
const somethingSecret = "0123456789abcdef0123456789abcdef"

// account is the e-mail address of the account that it runs as.
func (s service) account() string {
	if len(s.Template) == 0 {
		return ""
	}
	return s.Template[0].Account
}

// environments: every function starts with what it is given, and is given
// nothing that no code reads.
func (p *plan) environments() error {
	known := settings()
	want := 6
	n, err := each(p, "google_cloud_run_v2_service", func(address string, s service) error {
		env := s.environment()
		if env["FUNCTION_TARGET"] == "Deliver" { // where there are events
			want++
		}
		cfg, err := config.Load(env["FUNCTION_TARGET"], env)
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		var errs []error
		for _, name := range slices.Sorted(maps.Keys(env)) {
			if !known[name] && !strings.HasPrefix(name, "OTEL_") {
				errs = append(errs, fmt.Errorf("%s: no code reads %s", address, name))
			}
		}
		if timeout := s.Template[0].Timeout; timeout != "" {
			if limit, err := time.ParseDuration(timeout); err != nil || limit <= cfg.Deadline() {
				errs = append(errs, fmt.Errorf("%s: Cloud Run cuts a request off after %s, the function itself after %s: its answer would be lost", address, timeout, cfg.Deadline()))
			}
		}
		return errors.Join(errs...)
	})
	if n != want {
		err = errors.Join(err, fmt.Errorf("%d services instead of %d", n, want))
	}
	return err
}

// settings are the variables the code reads.
func settings() map[string]bool {
	known := map[string]bool{"FUNCTION_TARGET": true, "K_SERVICE": true}
	for field := range reflect.TypeFor[config.Config]().Fields() {
		if name, ok := field.Tag.Lookup("env"); ok {
			known[name] = true
		}
	}
	return known
}

// exemptions: every time of a session's document is without an index.
func (p *plan) exemptions() error {
	type field struct {
		Collection string `json:"collection"`
		Field      string `json:"field"`
	}
	exempt := map[string]bool{}
	if _, err := each(p, "google_firestore_field", func(_ string, f field) error {
		exempt[f.Collection+"."+f.Field] = true
		return nil
	}); err != nil {
		return err
	}
	source, err := os.ReadFile("shared/record/docs.go")
	if err != nil {
		return err
	}
	_, session, found := strings.Cut(string(source), "type sessionDoc struct {")
	session, _, _ = strings.Cut(session, "\n}")
	times := timeField.FindAllStringSubmatch(session, -1)
	if !found || len(times) == 0 {
		return errors.New("shared/record/docs.go has no sessionDoc with times any more: tell plancheck where sessions are described")
	}
	var errs []error
	for _, m := range times {
		if !exempt["sessions."+m[1]] {
			errs = append(errs, fmt.Errorf("sessions.%s is a time and has an index: exempt it in record.tf", m[1]))
		}
	}
	return errors.Join(errs...)
}

var timeField = regexp.MustCompile("time\\.Time +`firestore:\"([a-z_]+)")
