package record

import (
	"context"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// slugDoc is service/administration/slugs/{slug}. Every transaction that gives the slug
// to an organization reads it first and writes it last, so that of two at once only one
// is committed. Who has the slug now the organizations' own documents say, also those
// from before there was this one, and those that somebody wrote by hand.
type slugDoc struct {
	OrganizationID string    `firestore:"organization_id"`
	TakenAt        time.Time `firestore:"taken_at"`
}

// checkSlug refuses a slug that another organization has; an empty one is none. The query
// is none of the transaction's: whoever takes the slug after the slug's document was read
// makes the commit collide, and a query would lock organizations of other slugs, too,
// where transactions lock what they read.
func (a action) checkSlug(ctx context.Context, tx *firestore.Transaction, slug string) error {
	if slug == "" {
		return nil
	}
	if _, err := tx.GetAll([]*firestore.DocumentRef{a.slugs.Doc(slug)}); err != nil {
		return err
	}
	having, err := a.ref.Parent.Where("slug", "==", slug).Limit(2).Documents(ctx).GetAll()
	if err != nil {
		return err
	}
	for _, found := range having {
		if found.Ref.ID != a.ref.ID {
			return decision{&license.TakenError{Field: "slug"}}
		}
	}
	return nil
}

// checkSlug is the same in memory. The mutex makes it one transaction with what follows.
func (m *Memory) checkSlug(id string, s step) error {
	slug := s.slug()
	for other, t := range m.organizations {
		if slug != "" && other != id && t.organization != nil && t.organization.Slug == slug {
			return &license.TakenError{Field: "slug"}
		}
	}
	return nil
}
