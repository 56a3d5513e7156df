//go:build race

package main

// raceDetector says whether these tests, and so the local stack, have it: what was
// compiled for the tests before is used again.
const raceDetector = true
