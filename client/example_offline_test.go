package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// licensed reads a license token with no network: the vendor's root keys are
// compiled into the program, and keySet is a copy of the service's from wherever.
func licensed(token, keySet, rootKeys, machine string, now time.Time) (licensejwt.Claims, error) {
	roots, err := licensejwt.ParseRoots([]byte(rootKeys))
	if err != nil {
		return licensejwt.Claims{}, err
	}
	keys, err := licensejwt.ParseKeySet([]byte(keySet))
	if err != nil {
		return licensejwt.Claims{}, err
	}
	claims, err := roots.Verify(token, keys, now, time.Minute, "https://licenses.example.com", "studio")
	switch {
	case err != nil:
		return licensejwt.Claims{}, err
	case claims.HardwareID != machine:
		return licensejwt.Claims{}, errors.New("the license token is another machine's")
	}
	return claims, nil
}

func Example_offline() {
	raw, err := os.ReadFile("vectors/pinned.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	var vectors struct {
		KeySets map[string]json.RawMessage `json:"key_sets"`
		Roots   map[string]string          `json:"roots"`
		Cases   []struct{ Token string }   `json:"cases"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		fmt.Println(err)
		return
	}
	token, keySet, rootKeys := vectors.Cases[0].Token, string(vectors.KeySets["cached"]), vectors.Roots["vendor"]
	granted := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

	claims, err := licensed(token, keySet, rootKeys, "hw-1", granted)
	fmt.Println(claims.Plan, claims.Entitlements, err)
	_, err = licensed(token, keySet, rootKeys, "hw-2", granted)
	fmt.Println(err)
	_, err = licensed(token, keySet, rootKeys, "hw-1", granted.Add(time.Hour))
	fmt.Println(errors.Is(err, licensejwt.ErrExpired), err)
	_, err = licensed(token, keySet, vectors.Roots["next"], "hw-1", granted)
	fmt.Println(err)

	// Output:
	// pro [export] <nil>
	// the license token is another machine's
	// true license token has expired
	// license token is invalid: its key's certificate is not by a pinned root
}
