//go:build !race

package main

// raceDetector says whether these tests, and so the local stack, have it.
const raceDetector = false
