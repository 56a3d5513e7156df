//go:build race

package seats_test

// raceDetector says whether these tests have it, and so take ten times as long to play
// what is long: make coverage plays all of it.
const raceDetector = true
