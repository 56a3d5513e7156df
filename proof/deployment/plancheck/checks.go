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

// exemptions: every time of what is written with each grant is without an index.
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
	var errs []error
	for _, of := range [...]struct{ file, document, collection string }{
		{"docs.go", "sessionDoc", "sessions"}, {"outbox.go", "eventDoc", "events"}, {"webhooks.go", "deliveryDoc", "deliveries"},
	} {
		times, err := timesOf("shared/record/"+of.file, of.document)
		errs = append(errs, err)
		for _, field := range times {
			if !exempt[of.collection+"."+field] {
				errs = append(errs, fmt.Errorf("%s.%s is a time and has an index: exempt it in record.tf", of.collection, field))
			}
		}
	}
	return errors.Join(errs...)
}

// timesOf are the fields of a document that are times.
func timesOf(file, document string) ([]string, error) {
	source, err := os.ReadFile(file) //nolint:gosec // one of the record's own
	if err != nil {
		return nil, err
	}
	_, fields, found := strings.Cut(string(source), "type "+document+" struct {")
	fields, _, _ = strings.Cut(fields, "\n}")
	var times []string
	for _, m := range timeField.FindAllStringSubmatch(fields, -1) {
		times = append(times, m[1])
	}
	if !found || len(times) == 0 {
		return nil, fmt.Errorf("%s has no %s with times any more: tell plancheck where it is described", file, document)
	}
	return times, nil
}

var timeField = regexp.MustCompile("time\\.Time +`firestore:\"([a-z_]+)")
