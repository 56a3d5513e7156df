package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Load reads the configuration of a function ([Acquire], [Heartbeat], [Release],
// [Reaper], [Control], [Admin], [Deliver], in any case) out of the environment of a deployed program;
// no emulator may be in it. Blanks around a value do not count, and a variable that
// is set to nothing is one that is not set. The error joins every fault found, so
// that one deployment is enough to see them all; each names its variable, what
// is wrong and what to do, and none repeats a value.
func Load(function string, environ map[string]string) (Config, error) {
	r := reader{unread: map[string]bool{}}
	r.refuseEmulators(environ)
	r.refusePort(environ)
	c := r.parse(r.settings(environ))
	c.Function = Name(function)
	c.ReaperAudiences, c.StaffAccounts, c.CORSOrigins = trimAll(c.ReaperAudiences), trimAll(c.StaffAccounts), trimAll(c.CORSOrigins)
	c.RedisCA = strings.ReplaceAll(c.RedisCA, `\n`, "\n") // PEM has no backslash of its own
	if strings.TrimSpace(environ["K_SERVICE"]) == "" {
		r.refuseIAMChecked(c)
	}
	if err := errors.Join(append(r.errs, c.validate(r.unread))...); err != nil {
		return Config{}, fmt.Errorf("the configuration of %q is not usable:\n%w", c.Function, err)
	}
	if c.IdentityProject == "" {
		c.IdentityProject = c.Project
	}
	return c, nil
}

// Name is a function's name as this package writes it: FUNCTION_TARGET takes any
// case, and blanks around it.
func Name(function string) string { return strings.ToLower(strings.TrimSpace(function)) }

// Defaults is what an empty environment means: the defaults of [Config]'s fields.
// It lacks what has no default and so is no usable configuration.
func Defaults() Config {
	r := reader{unread: map[string]bool{}}
	return r.parse(map[string]string{})
}

// reader collects the faults of reading. What could not be read is in unread:
// judging its zero value would only add noise.
type reader struct {
	unread map[string]bool
	errs   []error
}

func (r *reader) add(variable, fault string) {
	r.errs = append(r.errs, fmt.Errorf("%s %s", variable, fault))
}

// settings are the variables of [Config] that are set, trimmed. Empty ones are
// left out: Terraform and shells cannot unset.
func (r *reader) settings(environ map[string]string) map[string]string {
	set := map[string]string{}
	for _, name := range Variables() {
		value := strings.TrimSpace(environ[name])
		switch {
		case value == "":
		case !printable(value, name == "REDIS_CA_PEM"):
			r.unread[name] = true
			r.add(name, "has a control character or another one that cannot be seen in it: type it anew instead of pasting it")
		default:
			set[name] = value
		}
	}
	return set
}

// printable: a line break or an invisible character inside a name makes it
// another name, which looks right in every console. PEM has lines.
func printable(value string, lines bool) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, func(c rune) bool {
		return !unicode.IsPrint(c) && (!lines || c != '\n' && c != '\r')
	})
}

// emulators are variables that client libraries take for an order to talk to a
// server without signatures or credentials, beside those that end in
// emulatorSuffix: FIREBASE_AUTH_, FIRESTORE_, DATASTORE_, PUBSUB_, STORAGE_,
// SPANNER_, BIGTABLE_ and whatever comes.
func emulators() []string {
	return []string{"STORAGE_EMULATOR_HOST_GRPC", "DATASTORE_EMULATOR_HOST_PATH", "FIREBASE_EMULATOR_HUB", "FUNCTIONS_EMULATOR"}
}

const emulatorSuffix = "_EMULATOR_HOST"

// refuseEmulators: wherever a deployed program runs, it has real backends. A blank
// value counts, because it does in the libraries.
func (r *reader) refuseEmulators(environ map[string]string) {
	var set []string
	for name, value := range environ {
		if value != "" && (strings.HasSuffix(name, emulatorSuffix) || slices.Contains(emulators(), name)) {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	for _, name := range set {
		r.add(name, "is set: client libraries would leave out signatures or credentials and talk to an emulator: "+
			"unset it; for a local run, `go run ./cmd/local` takes an emulator as an option")
	}
}

// refusePort: the process would find out that it cannot listen once all else runs. The
// server reads the variable itself.
func (r *reader) refusePort(environ map[string]string) {
	port := strings.TrimSpace(environ["PORT"])
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		r.add("PORT", "is no port: set it to a number from 1 to 65535, or unset it for 8080")
	}
}

// refuseIAMChecked: outside of Cloud Run nobody checks a caller before the function.
func (r *reader) refuseIAMChecked(c Config) {
	for _, s := range [...]struct {
		variable string
		set      bool
	}{{"REAPER_IAM_CHECKED", c.ReaperIAMChecked}, {"STAFF_IAM_CHECKED", c.StaffIAMChecked}} {
		if s.set {
			r.add(s.variable, "is set outside of Cloud Run (K_SERVICE is not set), where nobody checks the caller first: unset it")
		}
	}
}

// parse reads values, or the defaults of those that are not set, into fields.
func (r *reader) parse(set map[string]string) (c Config) {
	for field, value := range reflect.ValueOf(&c).Elem().Fields() {
		name, ok := field.Tag.Lookup("env")
		if !ok {
			continue
		}
		text, given := set[name]
		if !given {
			text = field.Tag.Get("envDefault")
		}
		if text == "" {
			continue
		}
		if err := fill(value, text); err != nil {
			r.unread[name] = true
			r.add(name, "cannot be read: set it to "+form(field.Type))
		}
	}
	return c
}

// fill reads a text into a field of one of the types that [Config] has.
func fill(field reflect.Value, text string) (err error) {
	switch into := field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return into.UnmarshalText([]byte(text))
	case *string:
		*into = text
	case *Secret:
		*into = Secret(text)
	case *[]string:
		*into = strings.Split(text, ",")
	case *bool:
		*into, err = strconv.ParseBool(text)
	case *int:
		*into, err = strconv.Atoi(text)
	case *time.Duration:
		*into, err = time.ParseDuration(text)
	default:
		err = fmt.Errorf("a field of type %s", field.Type())
	}
	return err
}

// Variables are the names of the variables that [Load] reads into a [Config].
func Variables() []string {
	var names []string
	for field := range reflect.TypeFor[Config]().Fields() {
		if name, ok := field.Tag.Lookup("env"); ok {
			names = append(names, name)
		}
	}
	return names
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
