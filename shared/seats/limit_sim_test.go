package seats_test

import (
	"errors"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// limitOfUsers is the limit that license pro has at times: the hog comes from two machines.
const limitOfUsers = 1

// sell puts into the record what an organization bought, as far as it decides anything: the
// limit of users, which ends an epoch.
func (s *sim) sell(org string) {
	service := license.ServiceCaller(org)
	err := s.memory.PutOrganization(s.Context(), service, license.Organization{ID: org})
	for _, id := range []string{"lab", "pro"} {
		err = errors.Join(err, s.memory.PutLicense(s.Context(), service, soldLicense(id, 0)))
	}
	if err != nil {
		s.Fatal(err)
	}
}

func soldLicense(id string, perUser int) license.License {
	return license.License{ID: id, Product: "studio", MaxSeats: capLicense, Status: license.StatusActive, MaxSessionsPerUser: perUser}
}

// learn lets an instance know what an organization has bought by now.
func (s *sim) learn(p *simPool, org string) {
	bought, err := s.memory.Entitlements(s.Context(), license.ServiceCaller(org))
	if err != nil {
		s.Fatal(err)
	}
	p.known[org] = bought
}

// limit switches the limit of an organization's license pro on or off.
func (s *sim) limit(org string) {
	perUser := limitOfUsers
	if s.limited[org] == nil {
		s.limited[org] = s.hogs(org)
	} else {
		perUser = 0
		delete(s.limited, org)
	}
	s.note("pro of %s allows a user %d sessions", org, perUser)
	if err := s.memory.PutLicense(s.Context(), license.ServiceCaller(org), soldLicense("pro", perUser)); err != nil {
		s.broken("the limit of %s: %v", org, err)
	}
}

// hogs are the hog's sessions of license pro that the record has as active.
func (s *sim) hogs(org string) map[string]bool {
	active := map[string]bool{}
	hog := license.Caller{OrganizationID: org, UserID: "hog"}
	sessions, err := s.memory.OwnSessions(s.Context(), hog, "pro", 100)
	if err != nil {
		s.broken("the hog's sessions: %v", err)
	}
	for _, each := range sessions {
		active[each.ID] = true
	}
	return active
}

// limitHolds wants nobody to have got a session beyond the limit since there is one: all
// that were there before live on, and with a new one they are no more than it allows.
func (s *sim) limitHolds(org string) {
	before := s.limited[org]
	if before == nil || s.stepped != 0 {
		return
	}
	all, fresh := 0, 0
	for id := range s.hogs(org) {
		if !s.livingOne(org, id) {
			continue
		}
		all++
		if !before[id] {
			fresh++
		}
	}
	if fresh > 0 && all > limitOfUsers {
		s.broken("the hog of %s has %d sessions, %d of them since a user may have %d", org, all, fresh, limitOfUsers)
	}
}

// livingOne reports whether a session has its seat; where nobody can look, whether a
// client is sure of it.
func (s *sim) livingOne(org, id string) bool {
	if s.backend.living != nil {
		return slices.Contains(s.backend.living(org, "pro"), id)
	}
	for _, c := range s.clients {
		if c.org == org && s.certain(c, id) {
			return true
		}
	}
	return false
}
