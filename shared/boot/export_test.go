package boot

// What the tests outside of the package need: it cannot import the functions,
// which import it.
var (
	Start          = start
	Environ        = environ
	AdoptLibraries = adoptLibraries
)
