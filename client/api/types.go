package api

import "encoding/json"

// AcquireRequest asks for a seat. The same (license, user, hardware id,
// instance id) gets the session it already has. null and "" of a member that is
// not required mean that it is absent.
type AcquireRequest struct {
	HardwareID  string     `json:"hardware_id" lenient:"blanks" pattern:"^[\\t-\\r ]*[!-~]([ -~]{0,126}[!-~])?[\\t-\\r ]*$" patternDescription:"1 to 128 characters of printable ASCII" example:"hw-1" doc:"The machine's fingerprint: 1 to 128 characters of printable ASCII. White space around it is cut."`
	InstanceID  string     `json:"instance_id,omitempty" lenient:"blanks" pattern:"^[\\t-\\r ]*([!-~]([ -~]{0,126}[!-~])?)?[\\t-\\r ]*$" patternDescription:"at most 128 characters of printable ASCII" example:"window-2" doc:"Tells several copies on one machine apart: each takes a seat of its own, and gives back no other's. Printable ASCII, at most 128 characters; white space around it is cut."`
	NewInstance bool       `json:"new_instance,omitempty" doc:"The service makes an instance id and answers it: for a copy that cannot make one of its own. Send that instance_id with every later acquire. Not together with instance_id."`
	LicenseID   string     `json:"license_id,omitempty" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" patternDescription:"a license id: 1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen" example:"acme-pro" doc:"The license to take a seat of. Without it the licenses of product, or of the organization's only product, add up: the session this holder has under any of them, else the license that ends first and has room."`
	Product     string     `json:"product,omitempty" lenient:"blanks" maxLength:"64" example:"studio" doc:"The product the seat is for. White space around it is cut, and does not count."`
	Client      ClientInfo `json:"client,omitzero" doc:"The program that asks. Kept in the record for support; decides nothing."`
}

// ClientInfo describes the program that holds a seat. What is in its strings is
// never a reason to refuse one: control characters, the controls of bidirectional
// text, line separators and invisible characters are dropped, and what is left is
// cut at [MaxClientText] characters, a project's name at [MaxProject]. What is not
// UTF-8 becomes U+FFFD.
type ClientInfo struct {
	Name     string `json:"name,omitempty" lenient:"all" example:"Studio" doc:"The program's name. Kept without control, bidirectional and invisible characters, cut at 128 characters; what is not UTF-8 becomes U+FFFD. So with the others."`
	Version  string `json:"version,omitempty" lenient:"all" example:"4.2.0" doc:"The program's version."`
	Hostname string `json:"hostname,omitempty" lenient:"all" example:"drawing-room-3" doc:"The machine's name."`
	Project  string `json:"project,omitempty" lenient:"all" example:"bridge-7" doc:"What the work is for, such as a project or a cost center: usage is reported by it. Blanks around it are cut, and what is left at 64 characters. The session keeps the one it was taken for."`
}

// Session is the answer of acquire and of heartbeat: one held seat.
type Session struct {
	SessionID      string `json:"session_id" format:"uuid" example:"01993f5a-6c00-7000-8000-000000000001" doc:"The session; a UUIDv7 made by the service."`
	LicenseID      string `json:"license_id" example:"acme-pro" doc:"The license whose seat is held."`
	OrganizationID string `json:"organization_id" example:"acme" doc:"The organization that owns the license."`
	UserID         string `json:"user_id" example:"u-1" doc:"The user who holds the seat."`
	HardwareID     string `json:"hardware_id" example:"hw-1" doc:"The machine's fingerprint, as given at acquire."`
	InstanceID     string `json:"instance_id" example:"" doc:"The instance id given at acquire, or made there; empty when there is none."`
	Product        string `json:"product" example:"studio" doc:"The license's product."`
	Plan           string `json:"plan" example:"pro" doc:"The license's plan."`
	Entitlements   List   `json:"entitlements" nullable:"false" example:"export" doc:"The features the license includes."`

	AcquiredAt      Time `json:"acquired_at" format:"date-time" doc:"When the seat was taken. RFC 3339, UTC, milliseconds."`
	LastHeartbeatAt Time `json:"last_heartbeat_at" format:"date-time" doc:"When the session was last renewed."`
	ExpiresAt       Time `json:"expires_at" format:"date-time" doc:"When the session ends unless a heartbeat renews it."`

	HeartbeatIntervalSeconds int  `json:"heartbeat_interval_seconds" minimum:"1" example:"120" doc:"How often to send a heartbeat, in seconds."`
	NextHeartbeatAt          Time `json:"next_heartbeat_at" format:"date-time" doc:"When to send the next heartbeat: wait next_heartbeat_at - server_time. These are the session's own slots, one interval apart, so that programs that came together do not come together again."`

	LicenseToken          string `json:"license_token,omitempty" example:"eyJ…" doc:"The license token, a JWS (ES256 or RS256) that can be verified offline. Each answer carries a new one, unless none can be made at the moment: keep the one you have then."`
	LicenseTokenExpiresAt Time   `json:"license_token_expires_at,omitzero" format:"date-time" doc:"When the license token ends; present with license_token."`

	LicenseInGraceUntil Time `json:"license_in_grace_until,omitzero" format:"date-time" doc:"Present when the license has ended and those who hold a seat of it keep it until then. Tell the user that it is to be renewed."`

	SeatsUsed  int  `json:"seats_used" minimum:"0" example:"3" doc:"Seats of the license held at server_time."`
	SeatsMax   int  `json:"seats_max" minimum:"0" example:"10" doc:"Seats the license has."`
	ServerTime Time `json:"server_time" format:"date-time" doc:"The service's clock, to measure the other times against."`
}

// DeliverReport is what one run of deliver did.
type DeliverReport struct {
	EventsTaken int   `json:"events_taken" minimum:"0" example:"12" doc:"Events that were published, or put into the queues of webhooks, and left the outbox."`
	Delivered   int   `json:"delivered" minimum:"0" example:"9" doc:"Deliveries that receivers took."`
	Failed      int   `json:"failed" minimum:"0" example:"1" doc:"Attempts that were in vain."`
	DeadLetters int   `json:"dead_letters" minimum:"0" example:"0" doc:"Deliveries that were given up."`
	More        bool  `json:"more" example:"false" doc:"The run's time was over, or something failed, before all was done that was due; the next run goes on."`
	DurationMS  int64 `json:"duration_ms" minimum:"0" example:"412" doc:"How long the run took, in milliseconds."`
}

// ReapReport is what one run of the reaper did.
type ReapReport struct {
	OrganizationsVisited int   `json:"organizations_visited" minimum:"0" example:"2" doc:"Organizations with sessions that were due."`
	SessionsReaped       int   `json:"sessions_reaped" minimum:"0" example:"3" doc:"Expired sessions ended."`
	RecordsRepaired      int   `json:"records_repaired" minimum:"0" example:"0" doc:"Records that disagreed with the seat ledger and were put right."`
	OrganizationsRebuilt int   `json:"organizations_rebuilt" minimum:"0" example:"0" doc:"Organizations whose seat ledger was rebuilt from the record."`
	DurationMS           int64 `json:"duration_ms" minimum:"0" example:"41" doc:"How long the run took, in milliseconds."`
	More                 bool  `json:"more" example:"false" doc:"The run's time was over before its work; the next one goes on."`
}

// RebuildReport is what a rebuild on request did.
type RebuildReport struct {
	OrganizationID string `json:"organization_id" example:"acme" doc:"The organization."`
	SeatsBefore    int    `json:"seats_before" minimum:"0" example:"12" doc:"Sessions that the ledger held before; 0 if it was not loaded."`
	SeatsAfter     int    `json:"seats_after" minimum:"0" example:"11" doc:"Sessions that it holds now, from the record."`
	Epoch          int64  `json:"epoch" minimum:"1" example:"7" doc:"The epoch that was opened."`
	DurationMS     int64  `json:"duration_ms" minimum:"0" example:"41" doc:"How long it took, in milliseconds."`
}

// RevokeReport is what the revocation of a signing key came to.
type RevokeReport struct {
	KeyID     string `json:"kid" example:"9dV6mBq0…" doc:"The key that is revoked."`
	NextKeyID string `json:"next_kid,omitempty" example:"s0kq3WcX…" doc:"The key that was made in its place and signs at once. Absent when none had to be made, or none could be."`
	Pending   bool   `json:"pending" example:"false" doc:"The next key could not be made yet: every run of the reaper tries again."`
	GoodKeys  int    `json:"good_keys" minimum:"0" example:"2" doc:"Keys that are published and can sign. Without one no license token is made."`
}

// CheckReport is how an organization's seat ledger and record compare. What comes and
// goes while they are read may be counted on one side only: ask again before you
// believe a difference.
type CheckReport struct {
	OrganizationID      string         `json:"organization_id" example:"acme" doc:"The organization."`
	Agrees              bool           `json:"agrees" example:"true" doc:"The ledger is loaded, and both sides hold the same sessions."`
	LedgerLoaded        bool           `json:"ledger_loaded" example:"true" doc:"The ledger is loaded. If not, the next request rebuilds it."`
	Epoch               int64          `json:"epoch" minimum:"0" example:"7" doc:"The ledger's epoch; 0 if it is not loaded."`
	SeatsInLedger       int            `json:"seats_in_ledger" minimum:"0" example:"12" doc:"Sessions that the ledger holds."`
	SeatsInRecord       int            `json:"seats_in_record" minimum:"0" example:"12" doc:"Sessions that are active in the record."`
	OnlyInLedger        int            `json:"only_in_ledger" minimum:"0" example:"0" doc:"Of the ledger, sessions that are not active in the record: grants and ends under way, unless it stays."`
	OnlyInRecord        int            `json:"only_in_record" minimum:"0" example:"0" doc:"Of the record, sessions older than a session's life that the ledger does not know: the reaper ends them within an hour or two."`
	OnlyInRecordFirst   List           `json:"only_in_record_first,omitzero" nullable:"false" doc:"The first hundred of them."`
	Young               int            `json:"young" minimum:"0" example:"0" doc:"Of the record, younger sessions that the ledger does not know: they may be on their way."`
	UnreadableDocuments List           `json:"unreadable_documents,omitzero" nullable:"false" doc:"Session documents that cannot be read and hold no seat."`
	Licenses            []LicenseCheck `json:"licenses" nullable:"false" doc:"The organization's licenses, by id."`
	DurationMS          int64          `json:"duration_ms" minimum:"0" example:"41" doc:"How long it took, in milliseconds."`
}

// LicenseCheck is one license in a [CheckReport].
type LicenseCheck struct {
	LicenseID     string `json:"license_id" example:"acme-pro" doc:"The license."`
	SeatsInRecord int    `json:"seats_in_record" minimum:"0" example:"12" doc:"Sessions of it that are active in the record, expired ones that nobody has ended yet included."`
	SeatsMax      int    `json:"seats_max" minimum:"0" example:"20" doc:"Seats that were bought."`
}

// The values of [Health] and of its checks.
const (
	HealthOK     = "ok"
	HealthFailed = "failed"
)

// Health is the answer of the probes.
type Health struct {
	Status string            `json:"status" enum:"ok,failed" example:"ok" doc:"ok when every check is."`
	Checks map[string]string `json:"checks,omitempty" doc:"ok or failed, by the part that was pinged."`
}

// JWKS is a set of public keys (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys" nullable:"false" doc:"The keys that license tokens may be signed with."`
}

// JWK is one public key (RFC 7517): of an elliptic curve (RFC 7518, section 6.2) with
// crv, x and y, or RSA (section 6.3) with n and e.
type JWK struct {
	KeyType      string `json:"kty" enum:"EC,RSA" example:"EC" doc:"The key's type."`
	Use          string `json:"use" enum:"sig" example:"sig" doc:"Signatures only."`
	Algorithm    string `json:"alg" enum:"ES256,RS256" example:"ES256" doc:"The only algorithm to accept with this key."`
	KeyID        string `json:"kid" example:"9dV6mBq0…" doc:"The key id in the header of license tokens."`
	Curve        string `json:"crv,omitempty" enum:"P-256" example:"P-256" doc:"The curve; of EC."`
	X            string `json:"x,omitempty" example:"f83OJ3D2…" doc:"The point's x coordinate, base64url; of EC."`
	Y            string `json:"y,omitempty" example:"x_FEzRu9…" doc:"The point's y coordinate, base64url; of EC."`
	Certificates List   `json:"x5c,omitzero" nullable:"false" doc:"The key's one certificate (X.509, DER in base64), which the root key has signed; of EC. Only programs that pin the root key need it."`
	Modulus      string `json:"n,omitempty" example:"0vx7…" doc:"The modulus, base64url; of RSA."`
	Exponent     string `json:"e,omitempty" example:"AQAB" doc:"The exponent, base64url; of RSA."`
}

// List is a list of strings that is never null on the wire.
type List []string

// MarshalJSON writes nil as the empty list.
func (l List) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(l))
}
