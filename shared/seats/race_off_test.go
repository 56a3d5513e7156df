//go:build !race

package seats_test

// raceDetector says whether these tests have it.
const raceDetector = false
