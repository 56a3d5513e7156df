//go:build race

package admin_test

// exported is how many sessions are exported at once: under the race detector, which
// learns nothing from more, a tenth.
const exported = 100_000
