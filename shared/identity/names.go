package identity

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// The checks below judge single values before anything is verified with them.
// Their errors read on from the name of a variable: "is …: what to do".

// projectPattern is a project's id, with the domain that a few have before it
// (https://docs.cloud.google.com/resource-manager/docs/creating-managing-projects).
var projectPattern = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*:)?[a-z]([a-z0-9-]{0,28}[a-z0-9])?$`)

// demoPrefix begins the ids of projects that exist in emulators alone
// (https://firebase.google.com/docs/emulator-suite/connect_auth).
const demoPrefix = "demo-"

// CheckProject judges a project's id. ID tokens name it as their audience, so
// that a wrong one refuses every user.
func CheckProject(id string) error {
	switch {
	case id != "" && strings.Trim(id, "0123456789") == "":
		return errors.New("is a project's number: set it to the project's id, which ID tokens name")
	case !projectPattern.MatchString(id):
		return errors.New("is not the id of a project: write it as Google Cloud does, lower-case letters, digits and hyphens, beginning with a letter")
	case strings.HasPrefix(id, demoPrefix):
		return errors.New("names a demo project, which exists in emulators alone: name a real one")
	}
	return nil
}

// CheckAudience judges one accepted audience of a Google ID token. It is compared as
// a text, so that any text may be one that is no list.
func CheckAudience(audience string) error {
	if audience == "" || strings.ContainsFunc(audience, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
		return errors.New("has an audience that is empty, or has a blank or a comma in it: write it as the caller's token names it, and commas between several where several may be")
	}
	return nil
}

// accountPattern is a service account's e-mail address, which is in lower case
// (https://docs.cloud.google.com/iam/docs/service-account-types).
var accountPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*@([a-z0-9][a-z0-9-]*\.)+gserviceaccount\.com$`)

// CheckServiceAccount judges the e-mail address of a service account: a person's is
// none, and one that no token can name would refuse every call of the scheduler.
func CheckServiceAccount(address string) error {
	if !accountPattern.MatchString(address) {
		return errors.New("is not a service account: write its e-mail address like scheduler@PROJECT.iam.gserviceaccount.com, in lower case")
	}
	return nil
}

// staffPattern is an e-mail address, or @ and a domain for all of its accounts.
// Google's tokens have both in lower case.
var staffPattern = regexp.MustCompile(`^[a-z0-9._%+'-]*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)

// CheckStaffAccount judges one of those who may open the vendor's door: the address of
// a person or of a service account, or @ and the name of a Google Workspace domain.
// Accounts at Gmail are anybody's.
func CheckStaffAccount(account string) error {
	switch {
	case !staffPattern.MatchString(account):
		return errors.New("is no account: write an e-mail address, or @ and the name of your Google Workspace domain, in lower case")
	case account == "@gmail.com" || account == "@googlemail.com":
		return errors.New("lets in everybody with an account at Gmail: write addresses")
	}
	return nil
}
