package web

// What the tests outside of the package need.
var NewServerOf = newServer
