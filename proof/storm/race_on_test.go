//go:build race

package storm_test

// scale divides programs and capacity: the race detector makes the simulation,
// which is one goroutine, ten times slower and learns nothing from the rest.
const scale = 4
