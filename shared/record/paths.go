package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Names of the collections, and of the documents with a fixed name:
//
//	service/signing
//	service/administration/requests/{digest}
//	service/administration/slugs/{slug}
//	service/administration/audit/{entry}
//	orgs/{organization}
//	orgs/{organization}/licenses/{license}
//	orgs/{organization}/sessions/{hash}-{session}
//	orgs/{organization}/ledger/state
//	orgs/{organization}/users/{user}
//	orgs/{organization}/audit/{entry}
//	orgs/{organization}/requests/{digest}
//	orgs/{organization}/usage/{license}_{day}
//	orgs/{organization}/events/{event}
//	orgs/{organization}/webhooks/{webhook}
//	orgs/{organization}/queues/{queue}
//	orgs/{organization}/queues/{queue}/deliveries/{delivery}
const (
	organizationsCollection = "orgs"
	licensesCollection      = "licenses"
	sessionsCollection      = "sessions"
	ledgerCollection        = "ledger"
	ledgerDocument          = "state"
	serviceCollection       = "service"
	signingDocument         = "signing"
	administrationDocument  = "administration"
	usersCollection         = "users"
	auditCollection         = "audit"
	requestsCollection      = "requests"
	slugsCollection         = "slugs"
	usageCollection         = "usage"
	eventsCollection        = "events"
	webhooksCollection      = "webhooks"
	queuesCollection        = "queues"
	deliveriesCollection    = "deliveries"
)

// tenant addresses one organization's documents. There is no other way to
// address any of them: their paths begin at a tenant, and tenants come from
// [Firestore.tenant] alone.
type tenant struct {
	id           string
	organization *firestore.DocumentRef
	// events says that transactions tell what they do: see [Outbox].
	events bool
}

// tenant is the one function that starts a path, from the caller's
// organization.
func (f *Firestore) tenant(caller license.Caller) (tenant, error) {
	id := caller.OrganizationID
	if !validDocumentID(id) {
		return tenant{}, license.ErrOrganizationNotFound
	}
	return tenant{id: id, organization: f.client.Collection(organizationsCollection).Doc(id), events: f.events}, nil
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
	name, err := sessionName(id)
	if err != nil {
		return nil, err
	}
	return t.sessions().Doc(name), nil
}

// spread is what stands before a session's id in its document's name: two
// hexadecimal digits and a hyphen.
const spread = 3

// sessionName is the name of a session's document. Ids begin with their time
// (UUIDv7), and so would the entries of every index: all new ones would meet at
// one end of Firestore's range, which takes some 500 writes a second
// (https://firebase.google.com/docs/firestore/best-practices#hotspots). The hash
// before the id spreads them. It is SHA-256 because every shell has it.
func sessionName(id string) (string, error) {
	if !validDocumentID(id) || spread+len(id) > maxDocumentID {
		return "", license.ErrSessionNotFound
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:1]) + "-" + id, nil
}

// sessionOf is the id of the session whose document has this name, if the name
// is one that [sessionName] makes.
func sessionOf(name string) (id string, ok bool) {
	if len(name) <= spread {
		return "", false
	}
	id = name[spread:]
	again, err := sessionName(id)
	return id, err == nil && again == name
}

// partDigits begin the names of the parts.
const partDigits = "0123456789abcdef"

// partBounds are the names between which a part lies: from inclusive, until
// exclusive, both empty where there is no bound, so that no name is in no part.
func partBounds(part int, after string) (from, until string, err error) {
	switch {
	case part != Whole && (part < 0 || part >= Parts):
		return "", "", fmt.Errorf("part %d of %d", part, Parts)
	case after != "" && !validDocumentID(after):
		return "", "", license.ErrSessionNotFound
	}
	if part > 0 {
		from = partDigits[part : part+1]
	}
	if part < Parts-1 && part != Whole {
		until = partDigits[part+1 : part+2]
	}
	return from, until, nil
}

// partOf is the part of a name that [sessionName] made.
func partOf(name string) int {
	return strings.IndexByte(partDigits, name[0])
}

// partDigit is the digit of a session's part; of an id that names nothing, none.
func partDigit(id string) string {
	name, err := sessionName(id)
	if err != nil {
		return ""
	}
	return name[:1]
}

func (t tenant) ledger() *firestore.DocumentRef {
	return t.organization.Collection(ledgerCollection).Doc(ledgerDocument)
}

func (t tenant) audit() *firestore.CollectionRef {
	return t.organization.Collection(auditCollection)
}

// requests have the idempotency keys that count within the organization.
func (t tenant) requests() *firestore.CollectionRef {
	return t.organization.Collection(requestsCollection)
}

// requests have the keys with which organizations were created: one key for two of
// them must be found. Nobody but the vendor creates any.
func (f *Firestore) requests() *firestore.CollectionRef {
	return f.administration().Collection(requestsCollection)
}

// slugs have a document for each slug that an organization has taken. A slug is a valid
// id, and so it is one segment of a path.
func (f *Firestore) slugs() *firestore.CollectionRef {
	return f.administration().Collection(slugsCollection)
}

func (f *Firestore) administration() *firestore.DocumentRef {
	return f.client.Collection(serviceCollection).Doc(administrationDocument)
}

// signing is no organization's document. No name in it comes from a caller.
func (f *Firestore) signing() *firestore.DocumentRef {
	return f.client.Collection(serviceCollection).Doc(signingDocument)
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
