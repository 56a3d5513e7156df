package recordtest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// nicknamed is [acme] under another slug.
func nicknamed(slug string) license.Organization {
	org := acme()
	org.Slug = slug
	return org
}

func globex() license.Organization { return nicknamed("globex") }

// nickname is a change of the slug.
func nickname(slug string) func(*license.Organization) error {
	return func(o *license.Organization) error { o.Slug = slug; return nil }
}

func wantTaken(t *testing.T, err error) {
	t.Helper()
	if taken, ok := errors.AsType[*license.TakenError](err); !ok || taken.Field != "slug" {
		t.Fatalf("error %v, want the slug to be taken", err)
	}
}

func slugTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"another's is refused":            takenSlug,
		"one that was given up is free":   freeSlug,
		"of racers one gets it":           slugRace,
		"a change races a creation":       slugChangeRace,
		"one put past the administration": handWrittenSlug,
		"several may have none": func(t *testing.T, r Administered) {
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), act(), nicknamed(""))))
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), nicknamed(""))))
		},
		"its own may be said again": func(t *testing.T, r Administered) {
			o, _ := sold(t, r)
			made, err := r.ChangeOrganization(t.Context(), caller(), act(), o, func(o *license.Organization) error {
				return errors.Join(rename(o), nickname("acme-inc")(o))
			})
			wantNil(t, err)
			wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), made.Revision, nickname("acme-se"))))
		},
		"what exists is told first": func(t *testing.T, r Administered) {
			sold(t, r)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
			wantError(t, errorOf(r.CreateOrganization(t.Context(), caller(), act(), globex())), license.ErrExists)
		},
		"a repeated request is answered": func(t *testing.T, r Administered) {
			made, err := r.CreateOrganization(t.Context(), caller(), keyed("k"), acme())
			wantNil(t, err)
			wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), made.Revision, nickname("acme-se"))))
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), acme()))) // has the slug now
			again, err := r.CreateOrganization(t.Context(), caller(), keyed("k"), acme())
			wantNil(t, err)
			wantEqual(t, "answer", again, made)
		},
	}
}

// takenSlug: by a create and by a change, in earnest and in a dry run. Nothing is
// written.
func takenSlug(t *testing.T, r Administered) {
	sold(t, r)
	for _, a := range []record.Act{act(), dry(), keyed("k")} {
		wantTaken(t, errorOf(r.CreateOrganization(t.Context(), other(), a, acme())))
	}
	theirs, err := r.CreateOrganization(t.Context(), other(), keyed("k"), globex()) // no refusal has used the key up
	wantNil(t, err)
	for _, a := range []record.Act{act(), dry()} {
		wantTaken(t, errorOf(r.ChangeOrganization(t.Context(), other(), a, theirs.Revision, nickname("acme-inc"))))
	}
	now, err := r.Organization(t.Context(), other())
	wantNil(t, err)
	wantEqual(t, "organization", now, theirs)
	entries, err := r.Audit(t.Context(), other(), record.Span{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "entries in the audit", len(entries), 1)
}

// freeSlug: also to the organization that gave it up.
func freeSlug(t *testing.T, r Administered) {
	o, _ := sold(t, r)
	ours, err := r.ChangeOrganization(t.Context(), caller(), act(), o, nickname("acme-se"))
	wantNil(t, err)
	theirs, err := r.CreateOrganization(t.Context(), other(), act(), acme())
	wantNil(t, err)
	wantTaken(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), ours.Revision, nickname("acme-inc"))))
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), other(), act(), theirs.Revision, nickname("globex"))))
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), ours.Revision, nickname("acme-inc"))))
}

// slugRace: of several that are created at once one has the slug, and the others are
// not there.
func slugRace(t *testing.T, r Administered) {
	made := 0
	for _, err := range race(4, func(i int) error {
		return errorOf(r.CreateOrganization(t.Context(), license.ServiceCaller(fmt.Sprint("o", i)), act(), acme()))
	}) {
		if err == nil {
			made++
			continue
		}
		wantTaken(t, err)
	}
	wantEqual(t, "creations", made, 1)
	wantSlugOnce(t, r)
}

func slugChangeRace(t *testing.T, r Administered) {
	theirs, err := r.CreateOrganization(t.Context(), other(), act(), globex())
	wantNil(t, err)
	won := 0
	for _, err := range race(2, func(i int) error {
		if i == 0 {
			return errorOf(r.ChangeOrganization(t.Context(), other(), act(), theirs.Revision, nickname("acme-inc")))
		}
		return errorOf(r.CreateOrganization(t.Context(), caller(), act(), acme()))
	}) {
		if err == nil {
			won++
			continue
		}
		wantTaken(t, err)
	}
	wantEqual(t, "who got it", won, 1)
	wantSlugOnce(t, r)
}

// wantSlugOnce: one organization has the slug of [acme].
func wantSlugOnce(t *testing.T, r Administered) {
	t.Helper()
	all, err := r.Organizations(t.Context(), "", 9)
	wantNil(t, err)
	having := 0
	for _, o := range all {
		if o.Value.Slug == "acme-inc" {
			having++
		}
	}
	wantEqual(t, "organizations of the slug", having, 1)
}

// handWrittenSlug: nobody judged that document, and its slug is taken all the same.
func handWrittenSlug(t *testing.T, r Administered) {
	wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
	wantTaken(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), acme())))
}
