//go:build !race

package admin_test

// exported is how many sessions are exported at once.
const exported = 1_000_000
