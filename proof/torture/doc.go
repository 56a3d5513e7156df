// Package torture runs several function processes against real backends, breaks
// everything that can break, and checks afterwards that every promise was kept:
// see [history] for what is concluded from what was seen, and [rig] for what is
// broken.
//
// A run is a sequence of rounds, each with organizations of its own. In an active
// stretch holders work while faults are played; then everything is mended,
// everybody leaves, and every seat must be grantable again in time. In calm
// rounds Redis loses no data, so that their histories must be linearizable.
//
// The seed decides who does what in which order, and which faults come when; the
// operating system decides the timing. So a seed repeats a plan, not an
// interleaving.
package torture
