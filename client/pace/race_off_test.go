//go:build !race

package pace_test

// scale divides programs and capacity; see race_on_test.go.
const scale = 1
