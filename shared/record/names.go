package record

import (
	"errors"
	"regexp"
)

// databasePattern is the id of a database
// (https://docs.cloud.google.com/firestore/native/docs/manage-databases#database_id).
var databasePattern = regexp.MustCompile(`^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$`)

// DefaultDatabase is the id of the database that needs none.
const DefaultDatabase = "(default)"

// CheckDatabase judges the id of a Firestore database. Its error reads on from
// the name of a variable: "is …: what to do".
func CheckDatabase(id string) error {
	if !databasePattern.MatchString(id) {
		return errors.New("is not the id of a database: unset it for (default), or write 4 to 63 lower-case letters, digits and hyphens, beginning with a letter")
	}
	return nil
}
