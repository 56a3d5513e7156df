package token

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// keyPattern is the resource name of a key, not of one of its versions
// (https://cloud.google.com/kms/docs/getting-resource-ids).
var keyPattern = regexp.MustCompile(`^projects/[a-z0-9][a-z0-9.:-]{0,127}/locations/[a-z0-9-]{1,63}/keyRings/[a-zA-Z0-9_-]{1,63}/cryptoKeys/[a-zA-Z0-9_-]{1,63}$`)

// CheckKeyName judges the name of the signing key. Its error, like [CheckIssuer]'s,
// reads on from the name of a variable: "is …: what to do".
func CheckKeyName(name string) error {
	switch {
	case strings.Contains(name, "/cryptoKeyVersions"):
		return errors.New("names a key version: leave out /cryptoKeyVersions and what follows: versions are chosen as keys rotate")
	case !keyPattern.MatchString(name):
		return errors.New("is not the name of a key: write it as projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	return nil
}

// CheckIssuer judges `iss`, which clients compare exactly: an https URL of a host
// and perhaps a path.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsFunc(issuer, unicode.IsSpace) {
		return errors.New("is not an https URL: write it like https://licenses.coditect.ai")
	}
	return nil
}
