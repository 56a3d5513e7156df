// Package deployed tests the program that is deployed, from outside: the main
// that the buildpack generates is built and run as one process per function,
// against real redis-server, the official Firestore emulator and a stand-in for
// the rest of Google Cloud, which the unchanged program reaches through its
// environment alone (HTTPS_PROXY, SSL_CERT_FILE, GOOGLE_APPLICATION_CREDENTIALS).
//
// Every process of every test must end with exit code 0 at SIGTERM, print only
// JSON lines, and never print a token or a hardware id; see process_test.go.
//
// What the program executed can be had in DEPLOYED_TEST_COVERDIR (a folder), for
// `go tool covdata`.
package deployed
