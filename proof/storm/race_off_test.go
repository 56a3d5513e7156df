//go:build !race

package storm_test

// scale divides programs and capacity; see race_on_test.go.
const scale = 1
