package show_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/manifest"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

func organization() api.Organization {
	return api.Organization{ID: "acme", Name: "yes", Slug: "0x10", MaxConcurrentSeats: 100, Status: "active", ETag: `"3f"`}
}

// TestOne in each format, its fields in the order of the API.
func TestOne(t *testing.T) {
	for format, want := range map[string]string{
		show.Table: "id                    acme\nname                  yes\nslug                  0x10\nsubscription_tier     \nmax_concurrent_seats  100\nstatus                active\netag                  \"3f\"\n",
		show.JSON:  "{\n  \"id\": \"acme\",\n  \"name\": \"yes\",\n  \"slug\": \"0x10\",\n  \"subscription_tier\": \"\",\n  \"max_concurrent_seats\": 100,\n  \"status\": \"active\",\n  \"etag\": \"\\\"3f\\\"\"\n}\n",
		show.YAML:  "id: acme\nname: \"yes\"\nslug: \"0x10\"\nsubscription_tier: \"\"\nmax_concurrent_seats: 100\nstatus: active\netag: '\"3f\"'\n",
		show.CSV:   "id,name,slug,subscription_tier,max_concurrent_seats,status,etag\nacme,yes,0x10,,100,active,\"\"\"3f\"\"\"\n",
		show.Name:  "acme\n",
	} {
		var out strings.Builder
		if err := show.One(show.Printer{Out: &out, Format: format}, organization(), "acme"); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%q, want\n%q", format, err, &out, want)
		}
	}
}

// TestNoneIsAList and no null; a table has its titles.
func TestNoneIsAList(t *testing.T) {
	for format, want := range map[string]string{show.Table: "ID  NAME\n", show.JSON: "[]\n", show.YAML: "[]\n", show.CSV: "id,name,slug,subscription_tier,max_concurrent_seats,status,etag\n", show.Name: ""} {
		var out strings.Builder
		columns := []show.Column{{Field: "id", Title: "ID"}, {Field: "name", Title: "NAME"}}
		if err := show.List[api.Organization](show.Printer{Out: &out, Format: format}, nil, columns, nil); err != nil || out.String() != want {
			t.Errorf("%s: %v, %q, want %q", format, err, &out, want)
		}
	}
}

// full cannot be written to.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestWhatCannotBePrintedIsAFailure, because a list that is cut short looks like one.
func TestWhatCannotBePrintedIsAFailure(t *testing.T) {
	for _, format := range []string{show.Table, show.JSON, show.YAML, show.CSV, show.Name} {
		p := show.Printer{Out: full{}, Format: format}
		if err := show.List(p, []api.Organization{organization()}, []show.Column{{Field: "id", Title: "ID"}}, func(o api.Organization) string { return o.ID }); err == nil {
			t.Errorf("a list in %s is printed nowhere without an error", format)
		}
		if err := show.One(p, organization(), "acme"); err == nil {
			t.Errorf("one in %s is printed nowhere without an error", format)
		}
	}
}

func TestHuman(t *testing.T) {
	for _, tt := range []struct{ field, value, want string }{
		{"expires_at", "2027-02-01T00:00:00.000Z", "2027-01-31"},
		{"expires_at", "never", "never"},
		{"grace_seconds", "604800", "7d"},
		{"grace_seconds", "0", "0"},
		{"offline_max_seconds", "90", "90s"},
		{"max_seats", "604800", "604800"},
		{"name", "Müller & Söhne", "Müller & Söhne"},
		{"name", "a\x1b[2Jb", `"a\x1b[2Jb"`},
	} {
		if got := show.Human(tt.field, tt.value); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.field, tt.value, got, tt.want)
		}
	}
}

func TestPlanIsPaintedForEyesAlone(t *testing.T) {
	plan := manifest.Plan{
		Steps: []manifest.Step{
			{Action: manifest.Create, Object: "license acme/new", Changes: []fields.Change{{Field: "plan", After: "pro"}}},
			{Action: manifest.Change, Object: "license acme/pro", Changes: []fields.Change{{Field: "plan", Before: "pro"}}},
			{Action: manifest.Delete, Object: "license acme/old"},
		},
		Unnamed: []string{"license acme/lab"},
	}
	const rest = "    plan: pro → nothing\n"
	for color, want := range map[bool]string{
		false: "+ license acme/new\n    plan: pro\n~ license acme/pro\n" + rest + "- license acme/old\n",
		true:  "\x1b[32m+ license acme/new\x1b[0m\n    plan: pro\n\x1b[33m~ license acme/pro\x1b[0m\n" + rest + "\x1b[31m- license acme/old\x1b[0m\n",
	} {
		var out strings.Builder
		show.Plan(show.Printer{Out: &out, Color: color}, plan)
		want += "  license acme/lab is not in the files and stays (--prune deletes it)\n1 to create, 1 to change, 1 to delete\n"
		if out.String() != want {
			t.Errorf("%q, want %q", &out, want)
		}
	}
}

func TestError(t *testing.T) {
	invalid := api.NewProblem(api.InvalidRequest, "Correct it.", "r-1")
	invalid.Errors = []api.FieldError{{Field: "max_seats", Message: "is below 0"}, {Message: "is no object"}}
	changed, gone, broken := api.NewProblem(api.PreconditionFailed, "Read it again.", "r-2"), api.NewProblem(api.LicenseNotFound, "", "r-3"), api.NewProblem(api.Internal, "Broken.", "")
	nowhere, key := api.NewProblem(api.NotFound, "", ""), api.NewProblem(api.KeyNotFound, "", "")
	doing := func(err error) error {
		return &show.Failure{Doing: "change license acme/pro", Look: "licensectl license show acme/pro", Err: err}
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("no such file"), "licensectl: no such file\n"},
		{doing(errors.New("no route")), "licensectl: cannot change license acme/pro: no route\n"},
		{doing(&invalid), "licensectl: cannot change license acme/pro: The request is not valid\n  Correct it.\n  max_seats: is below 0\n  is no object\n  Request: r-1\n"},
		{doing(&changed), "licensectl: cannot change license acme/pro: It has changed\n  Read it again.\n  Look: licensectl license show acme/pro\n  Request: r-2\n"},
		{&gone, "licensectl: License not found\n  The organization has no license with this id: licensectl license list shows those there are.\n  Request: r-3\n"},
		{errors.Join(&gone, errors.New("no such file")), "licensectl: License not found\n  The organization has no license with this id: licensectl license list shows those there are.\n  Request: r-3\nlicensectl: no such file\n"},
		{doing(&nowhere), "licensectl: cannot change license acme/pro: Not found\n  The endpoint does not serve this: check --endpoint, and that the service has what it needs for it (docs/operators.md).\n"},
		{doing(&key), "licensectl: cannot change license acme/pro: Signing key not found\n  There is no signing key of this name: licensectl key list shows those there are. Where the root key signs there are none.\n"},
		{doing(&control.UncertainError{Err: &broken}), "licensectl: cannot change license acme/pro: Internal error\n  Broken.\n  It may have been done all the same: look before you repeat it.\n  Look: licensectl license show acme/pro\n"},
		{doing(&control.UncertainError{Err: io.ErrUnexpectedEOF}), "licensectl: cannot change license acme/pro: it may have been done all the same: unexpected EOF\n"},
	} {
		var out strings.Builder
		if show.Error(&out, tt.err); out.String() != tt.want {
			t.Errorf("%v:\n%s, want\n%s", tt.err, &out, tt.want)
		}
	}
}
