package web

// What the tests outside of the package need.
var NewServerOf = newServer //nolint:gochecknoglobals // a test's way in
