// Package enums compares the words that terraform/ sends with those that Google's
// APIs know. The provider checks some and hands on the rest, so that the first who
// refuses a wrong one is Google, at the first apply.
package enums
