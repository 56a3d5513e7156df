package api

import "strings"

// The paths of the signing keys, of the audit of what is no organization's, and of seat
// ledgers, for the vendor.
const (
	PathKeys          = "/api/v1/control/keys"
	PathKeyDisable    = "/api/v1/control/keys/{kid}:disable"
	PathKeysPrune     = "/api/v1/control/keys:prune"
	PathServiceAudit  = "/api/v1/control/audit"
	PathLedgerCheck   = "/api/v1/control/ledger/{organization}:check"
	PathLedgerRebuild = "/api/v1/control/ledger/{organization}:rebuild"
)

// KeyDisablePath is where a signing key is taken out of use, for the vendor.
func KeyDisablePath(kid string) string { return strings.Replace(PathKeyDisable, ParamKeyID, kid, 1) }

// LedgerCheckPath is where an organization's seat ledger is compared, for the vendor.
func LedgerCheckPath(organizationID string) string {
	return strings.Replace(PathLedgerCheck, ParamOrganization, organizationID, 1)
}

// LedgerRebuildPath is where it is rebuilt, for the vendor.
func LedgerRebuildPath(organizationID string) string {
	return strings.Replace(PathLedgerRebuild, ParamOrganization, organizationID, 1)
}

// KeyList is which keys there are, and what each of them does.
type KeyList struct {
	Signing     string          `json:"signing" enum:"delegated,kms" example:"delegated" doc:"delegated: keys of half a day sign license tokens, and the root key certifies them. kms: the root key signs each token."`
	Delegations []DelegationKey `json:"delegations" nullable:"false" doc:"The oldest first; those that have ended stay for a while."`
	Roots       []RootKey       `json:"roots" nullable:"false" doc:"The versions of the root key, as Cloud KMS lists them. None where this door is not told the root key."`
	// RootsUnknown says that Cloud KMS could not be asked.
	RootsUnknown bool `json:"roots_unknown,omitempty" example:"false" doc:"Cloud KMS did not answer: there are versions, and they are not listed."`
	Pending      bool `json:"pending" example:"false" doc:"Another key is asked for: the reaper makes it in its next run, within a minute or two."`
}

// DelegationKey is a key that signs license tokens for half a day.
type DelegationKey struct {
	KeyID     string `json:"kid" example:"9dV6mBq0…" doc:"The key, as tokens and the key set name it."`
	State     string `json:"state" enum:"signs,next,published,revoked,ended" example:"signs" doc:"signs: it signs license tokens. next: it will, once every cached key set has it. published: it signs no more, and its tokens can be verified. revoked; ended."`
	Why       string `json:"why" example:"it is the newest that every cached key set has, as it is older than 10m0s" doc:"Why, for people."`
	Since     Time   `json:"since" format:"date-time" doc:"When it was first published."`
	Until     Time   `json:"until" format:"date-time" doc:"When it ends, and all its tokens have."`
	RevokedAt string `json:"revoked_at,omitempty" example:"2026-11-23T10:00:00.000Z" doc:"When it was revoked, RFC 3339; absent if it was not."`
	Root      string `json:"root" example:"license-tokens-1" doc:"The version of the root key that certified it."`
}

// RootKey is a version of the root key.
type RootKey struct {
	KeyID string `json:"kid" example:"license-tokens-1" doc:"The version: the key's name and its number."`
	State string `json:"state" example:"certifies" doc:"certifies: it certifies the next signing key. signs: it signs license tokens itself. enabled: it does neither. Or as Cloud KMS has it: disabled, destroyed and others."`
	Why   string `json:"why" example:"it is the newest enabled version: it certifies the next signing key, and signs no license token" doc:"Why, for people."`
	Since Time   `json:"since" format:"date-time" doc:"Since when there is its key."`
}
