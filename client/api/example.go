package api

import "time"

// ExampleSession is the session that the documents show: the same one in every
// place, so that they can be read together.
func ExampleSession() Session {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return Session{
		SessionID: "019ab00d-4c00-7000-8000-000000000001", LicenseID: "acme-pro", OrganizationID: "acme", UserID: "u-1",
		HardwareID: "hw-1", Product: "studio", Plan: "pro", Entitlements: List{"export"},
		AcquiredAt: NewTime(at), LastHeartbeatAt: NewTime(at), ExpiresAt: NewTime(at.Add(6 * time.Minute)),
		HeartbeatIntervalSeconds: 120, NextHeartbeatAt: NewTime(at.Add(69_637 * time.Millisecond)),
		LicenseToken: "eyJ…", LicenseTokenExpiresAt: NewTime(at.Add(time.Hour)),
		SeatsUsed: 3, SeatsMax: 10, ServerTime: NewTime(at),
	}
}
