//go:build !race

package deployed

// raceDetector says whether these tests, and so the program, have it.
const raceDetector = false
