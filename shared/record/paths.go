package record

import (
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Names of the collections, and of the one document with a fixed name:
//
//	orgs/{organization}
//	orgs/{organization}/licenses/{license}
//	orgs/{organization}/sessions/{session}
//	orgs/{organization}/ledger/state
const (
	organizationsCollection = "orgs"
	licensesCollection      = "licenses"
	sessionsCollection      = "sessions"
	ledgerCollection        = "ledger"
	ledgerDocument          = "state"
)

// tenant addresses one organization's documents. There is no other way to
// address any: a document's path begins at a tenant, and tenants come from
// [Firestore.tenant] alone.
type tenant struct {
	id           string
	organization *firestore.DocumentRef
}

// tenant is the one function that starts a path, from the caller's
// organization.
func (f *Firestore) tenant(caller license.Caller) (tenant, error) {
	id := caller.OrganizationID
	if !validDocumentID(id) {
		return tenant{}, license.ErrOrganizationNotFound
	}
	return tenant{id: id, organization: f.client.Collection(organizationsCollection).Doc(id)}, nil
}

func (t tenant) licenses() *firestore.CollectionRef {
	return t.organization.Collection(licensesCollection)
}

func (t tenant) license(id string) (*firestore.DocumentRef, error) {
	if !validDocumentID(id) {
		return nil, license.ErrLicenseNotFound
	}
	return t.licenses().Doc(id), nil
}

func (t tenant) sessions() *firestore.CollectionRef {
	return t.organization.Collection(sessionsCollection)
}

func (t tenant) session(id string) (*firestore.DocumentRef, error) {
	if !validDocumentID(id) {
		return nil, license.ErrSessionNotFound
	}
	return t.sessions().Doc(id), nil
}

func (t tenant) ledger() *firestore.DocumentRef {
	return t.organization.Collection(ledgerCollection).Doc(ledgerDocument)
}

// maxDocumentID is Firestore's limit in bytes.
const maxDocumentID = 1500

// validDocumentID reports whether id can be one segment of a document's path
// (https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields).
// An id with a slash would be another document, in the worst case another
// organization's; the others make the server refuse the whole request.
func validDocumentID(id string) bool {
	reserved := len(id) >= 4 && strings.HasPrefix(id, "__") && strings.HasSuffix(id, "__")
	return id != "" && len(id) <= maxDocumentID && utf8.ValidString(id) &&
		!strings.Contains(id, "/") && id != "." && id != ".." && !reserved
}
