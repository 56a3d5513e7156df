package manifest_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/manifest"
)

func read(t *testing.T, text string) []manifest.Organization {
	t.Helper()
	list, err := manifest.Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return list
}

// now is what there is before each plan.
func now() map[string]manifest.Tenant {
	return map[string]manifest.Tenant{"acme": {
		Organization: api.Organization{ID: "acme", Name: "Acme", Slug: "acme", MaxConcurrentSeats: 100, Status: "active", ETag: `"o"`},
		Licenses: []api.License{
			{ID: "lab", Product: "lab", MaxSeats: 5, Status: "active", ExpiresAt: "never", ETag: `"l"`},
			{ID: "pro", Product: "studio", MaxSeats: 10, Status: "active", ExpiresAt: "2027-02-01T00:00:00.000Z", Entitlements: api.List{"export"}, ETag: `"p"`},
		},
	}}
}

func TestPlan(t *testing.T) {
	for name, tt := range map[string]struct {
		file, want string
		prune      bool
	}{
		"all as it is": {
			file: "{id: acme, name: Acme, licenses: [{id: pro, max_seats: 10, expires_at: 2027-01-31, entitlements: [export]}, {id: lab, expires_at: never}]}",
		},
		"nothing is said": {file: "{id: acme}"},
		"more seats": {
			file: "{id: acme, licenses: [{id: pro, max_seats: 12}, {id: lab}]}",
			want: `change license acme/pro "p" [{max_seats 10 12}]`,
		},
		"the organization first": {
			file: "{id: acme, max_concurrent_seats: 5, licenses: [{id: pro, entitlements: []}]}",
			want: `change organization acme "o" [{max_concurrent_seats 100 5}]; change license acme/pro "p" [{entitlements export }]; keep license acme/lab`,
		},
		"all is new": {
			file: "{id: globex, name: Globex, max_concurrent_seats: 4, licenses: [{id: team, product: studio, max_seats: 4, expires_at: never}]}",
			want: "create organization globex  [{name  Globex} {max_concurrent_seats  4}]; create license globex/team  [{product  studio} {max_seats  4} {expires_at  never}]",
		},
		"unnamed licenses stay":        {file: "{id: acme, licenses: [{id: pro}]}", want: "keep license acme/lab"},
		"unnamed licenses are pruned":  {file: "{id: acme, licenses: [{id: pro}]}", prune: true, want: `delete license acme/lab "l" []`},
		"all licenses are pruned":      {file: "{id: acme, licenses: []}", prune: true, want: `delete license acme/lab "l" []; delete license acme/pro "p" []`},
		"none are named, none pruned":  {file: "{id: acme, name: Acme}", prune: true},
		"several documents, in order":  {file: "id: globex\n---\nid: acme\nstatus: suspended\n", want: `create organization globex  []; change organization acme "o" [{status active suspended}]`},
		"what is null is not said":     {file: "{id: acme, name: ~, licenses: ~}", prune: true},
		"a moment in another zone":     {file: "{id: acme, licenses: [{id: pro, expires_at: 2027-02-01T01:00:00+01:00}, {id: lab}]}"},
		"numbers that the file quotes": {file: `{id: acme, licenses: [{id: pro, plan: "7"}, {id: lab}]}`, want: `change license acme/pro "p" [{plan  7}]`},
	} {
		plan := manifest.Make(read(t, tt.file), now(), tt.prune)
		var got []string
		for _, s := range plan.Steps {
			got = append(got, fmt.Sprint(s.Action, " ", s.Object, " ", s.ETag, " ", s.Changes))
		}
		for _, name := range plan.Unnamed {
			got = append(got, "keep "+name)
		}
		if got := strings.Join(got, "; "); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestStepsCarryWhatTheFileSays, field by field, and nothing else.
func TestStepsCarryWhatTheFileSays(t *testing.T) {
	const license = "product: studio, plan: pro, max_seats: 3, status: active, expires_at: never, grace_seconds: 60, offline_max_seconds: 120, handover: 0, max_sessions_per_user: 2, entitlements: [export]"
	const organization = "name: G, slug: g, subscription_tier: team, max_concurrent_seats: 4, status: active"
	list := read(t, "{id: globex, "+organization+", licenses: [{id: team, "+license+"}]}\n---\n{id: acme, "+organization+", licenses: [{id: pro, "+license+"}, {id: lab}]}")
	steps := manifest.Make(list, now(), false).Steps
	if len(steps) != 4 {
		t.Fatalf("%d steps, want 4: %+v", len(steps), steps)
	}
	handover := 0
	if got, want := steps[0].OrganizationInput, (api.OrganizationInput{
		ID: "globex", Name: "G", Slug: "g", SubscriptionTier: "team", MaxConcurrentSeats: 4, Status: "active",
	}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := steps[1].LicenseInput, (api.LicenseInput{
		ID: "team", Product: "studio", Plan: "pro", MaxSeats: 3, Status: "active", ExpiresAt: "never",
		GraceSeconds: 60, OfflineMaxSeconds: 120, Handover: &handover, MaxSessionsPerUser: 2, Entitlements: api.List{"export"},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := len(fields.Of(steps[2].OrganizationPatch)), reflect.TypeFor[api.OrganizationPatch]().NumField(); got != want {
		t.Errorf("%d fields of the organization's patch, want all %d", got, want)
	}
	if got, want := len(fields.Of(steps[3].LicensePatch)), reflect.TypeFor[api.LicensePatch]().NumField(); got != want {
		t.Errorf("%d fields of the license's patch, want all %d", got, want)
	}
}

// TestFilesHaveEveryField that the API takes, by its name.
func TestFilesHaveEveryField(t *testing.T) {
	tags := func(document any) (names []string) {
		for i := range reflect.TypeOf(document).NumField() {
			names = append(names, reflect.TypeOf(document).Field(i).Tag.Get("yaml"))
		}
		return names
	}
	if got, want := tags(manifest.License{}), fields.Names(api.LicenseInput{}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := tags(manifest.Organization{}), append(fields.Names(api.OrganizationInput{}), "licenses"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSuspendingAndDeletingEndSessions, and nothing else does.
func TestSuspendingAndDeletingEndSessions(t *testing.T) {
	for _, tt := range []struct {
		step manifest.Step
		want bool
	}{
		{manifest.Step{Action: manifest.Delete}, true},
		{manifest.Step{Action: manifest.Change, Changes: []fields.Change{{Field: "status", After: "suspended"}}}, true},
		{manifest.Step{Action: manifest.Change, Changes: []fields.Change{{Field: "status", After: "active"}}}, false},
		{manifest.Step{Action: manifest.Change, Changes: []fields.Change{{Field: "plan", After: "suspended"}}}, false},
		{manifest.Step{Action: manifest.Create, Changes: []fields.Change{{Field: "status", After: "suspended"}}}, false},
	} {
		if got := tt.step.EndsSessions(); got != tt.want {
			t.Errorf("%+v: %t", tt.step, got)
		}
	}
}

func TestFilesThatSayNothingClear(t *testing.T) {
	for text, want := range map[string]string{
		"{id: acme, seats: 3}":                                 "field seats not found",
		"{id: acme, licenses: [{id: pro, seats: 3}]}":          "field seats not found",
		"{id: acme, max_concurrent_seats: many}":               "line 1",
		"name: Acme":                                           "document 1: an organization has no id",
		"id: acme\n---\n{id: globex, licenses: [{plan: pro}]}": "document 2: a license of organization globex has no id",
		"{id: acme, licenses: [{id: pro}, {id: pro}]}":         "license acme/pro is there twice",
		"{id: acme, licenses: [{id: pro, expires_at: +1y}]}":   "license acme/pro: expires_at",
		"{id: acme, id: globex}":                               "already defined",
		"- id: acme":                                           "cannot unmarshal",
		"{id: acme":                                            "did not find",
	} {
		if _, err := manifest.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if err := manifest.Check(nil); err == nil {
		t.Error("files without an organization are taken")
	}
	if err := manifest.Check(read(t, "id: acme\n---\nid: acme\n")); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("an organization twice: %v", err)
	}
}
