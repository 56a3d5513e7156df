package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// howListed is documented of every list of sessions.
func howListed() string {
	return fmt.Sprintf("Those whose end is not recorded, the newest acquired first, a page at a time. While the seat ledger is away or being rebuilt they are listed all the same, and each one's state is unknown. "+
		"A page of those of a state, with a text, or on a machine and of a license, a user or a project, may have fewer sessions than were asked for, or none, and yet an after: up to %d are looked at for one. "+
		"In another order than the usual one up to %d sessions are sorted, those of the license, user or project that are asked for, and where there are more sort is refused. Each page is cut from the order as it is then: a session that moves in it between two pages may be in both or in neither.", api.MaxScanned, api.MaxSorted)
}

// filterQuery are the names by which sessions are picked and sorted.
func filterQuery() []web.Param {
	return []web.Param{
		{Name: api.QueryLicense, Description: "Sessions of this license alone."},
		{Name: api.QueryUser, Description: "Sessions of this user alone."},
		{Name: api.QueryProject, Description: "Sessions for this project alone: not together with license or user."},
		{Name: api.QueryState, Description: "Sessions of this state alone.", Enum: enumOf(sessionStates())},
		{Name: api.QuerySort, Description: "In which order; -acquired_at, the newest first, if absent.", Enum: enumOf(sessionOrders())},
	}
}

func enumOf(words []string) []any {
	out := make([]any, len(words))
	for i, word := range words {
		out[i] = word
	}
	return out
}

func sessionStates() []string {
	return []string{api.SessionActive, api.SessionEnding, api.SessionExpired, api.SessionUnknown}
}

func sessionOrders() []string {
	return []string{
		api.SortNewest, api.SortOldest, api.SortHeartbeat, api.SortHeartbeatDown, api.SortExpiry, api.SortExpiryDown, api.SortUser, api.SortUserDown,
	}
}

// sessionQuery is which sessions are asked for, and in which order. What the record's filter
// has an index serves; the rest is picked from what that lets through.
type sessionQuery struct {
	record.SessionFilter
	hardwareID, state string
	// text is in lower case.
	text string
	// sort is empty for the order of the record.
	sort string
}

// queriedSessions are those that a query asks for.
func queriedSessions(c web.Call) sessionQuery {
	return searchedSessions(api.SessionSearch{
		LicenseID: c.Query.Get(api.QueryLicense), UserID: c.Query.Get(api.QueryUser), Project: c.Query.Get(api.QueryProject),
		State: c.Query.Get(api.QueryState), Sort: c.Query.Get(api.QuerySort),
	})
}

func searchedSessions(in api.SessionSearch) sessionQuery {
	q := sessionQuery{
		SessionFilter: record.SessionFilter{LicenseID: in.LicenseID, UserID: in.UserID, Project: in.Project},
		hardwareID:    in.HardwareID, state: in.State, text: strings.ToLower(in.Text), sort: in.Sort,
	}
	if q.sort == api.SortNewest {
		q.sort = ""
	}
	if q.SessionFilter == (record.SessionFilter{}) { // an index has machines, of all sessions alone
		q.HardwareID, q.hardwareID = q.hardwareID, ""
	}
	return q
}

// check is what is wrong with it.
func (q sessionQuery) check() error {
	var faults []api.FieldError
	if q.Project != "" && q.LicenseID+q.UserID != "" {
		faults = append(faults, api.FieldError{Field: api.QueryProject, Message: "is sent together with license or user: send it alone"})
	}
	faults = append(faults, oneOf(api.QueryState, q.state, sessionStates())...)
	faults = append(faults, oneOf(api.QuerySort, q.sort, sessionOrders())...)
	if len(faults) > 0 {
		return &web.InvalidRequestError{Errors: faults}
	}
	return nil
}

// picks reports whether it lets through less than its record's filter does.
func (q sessionQuery) picks() bool { return q.hardwareID+q.state+q.text != "" }

// matches judges what the record has of a session; its state the ledger knows.
func (q sessionQuery) matches(s license.Session) bool {
	if q.hardwareID != "" && q.hardwareID != s.HardwareID {
		return false
	}
	has := func(value string) bool { return strings.Contains(strings.ToLower(value), q.text) }
	return has(s.UserID) || has(s.Client.Project) || has(s.Client.Name) || has(s.Client.Version) || has(s.Client.Hostname)
}

// key is what a session is sorted by. Times are texts of one length, in UTC.
func (q sessionQuery) key(s api.LiveSession) string {
	switch strings.TrimPrefix(q.sort, "-") {
	case api.SortHeartbeat:
		return s.LastHeartbeatAt.String()
	case api.SortExpiry:
		return s.ExpiresAt.String()
	case api.SortUser:
		return s.UserID
	default:
		return s.AcquiredAt.String()
	}
}

// place is where a session is in an order other than the record's.
type place struct{ key, sessionID string }

func (q sessionQuery) placeOf(s api.LiveSession) place { return place{q.key(s), s.SessionID} }

// compare orders places; sessions of one key by their ids, so that no two are in one place.
func (q sessionQuery) compare(a, b place) int {
	order := strings.Compare(a.key, b.key)
	if order == 0 {
		order = strings.Compare(a.sessionID, b.sessionID)
	}
	if strings.HasPrefix(q.sort, "-") {
		return -order
	}
	return order
}

// A position is the record's, or a place; behind a mark of the query that it is for, because
// in another list it would be somewhere else, or nowhere. One of all sessions in the usual
// order is the record's alone.
const positionEnds = "~"

// mark tells the query of one organization from every other.
func (q sessionQuery) mark(organizationID string) string {
	if q == (sessionQuery{}) {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %q", organizationID, q.LicenseID, q.UserID, q.Project, q.HardwareID+q.hardwareID, q.state, q.text, q.sort))
	return hex.EncodeToString(sum[:8]) + positionEnds
}

// position is that of the record, or an encoded place, out of an after.
func (q sessionQuery) position(organizationID, after string) (string, error) {
	position, own := strings.CutPrefix(after, q.mark(organizationID))
	if after != "" && (!own || position == "") {
		return "", noPosition()
	}
	return position, nil
}

func (p place) encode() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.key)) + positionEnds + p.sessionID
}

func placeIn(position string) (place, error) {
	encoded, id, found := strings.Cut(position, positionEnds)
	key, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !found || !license.ValidSessionID(id) {
		return place{}, noPosition()
	}
	return place{string(key), id}, nil
}
