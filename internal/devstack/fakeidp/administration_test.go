package fakeidp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

const projectURL = "https://identitytoolkit.googleapis.com/v1/projects/demo/"

// TestAdministration answers what Google's own answers, here to the letter; that the
// Admin SDK reads it alike, the tests of shared/people show.
func TestAdministration(t *testing.T) {
	idp := newIDP(t)
	for _, step := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"accounts:update", `{"localId":"u-1"}`, http.StatusBadRequest, "USER_NOT_FOUND"},
		{"accounts:sendOobCode", `{"email":"a@b.example","requestType":"PASSWORD_RESET","returnOobLink":true}`, http.StatusBadRequest, "EMAIL_NOT_FOUND"},
		{"accounts", `{"localId":"u-1","email":"A@b.example","displayName":"Ann"}`, http.StatusOK, `"localId":"u-1"`},
		{"accounts", `{"localId":"u-1","email":"c@b.example"}`, http.StatusBadRequest, "DUPLICATE_LOCAL_ID"},
		{"accounts", `{"email":"a@b.example"}`, http.StatusBadRequest, "EMAIL_EXISTS"},
		{"accounts", `{"email":"d@b.example"}`, http.StatusOK, `"localId":"`},
		{"accounts:lookup", `{"email":["A@B.example"]}`, http.StatusOK, `"displayName":"Ann"`},
		{"accounts:update", `{"localId":"u-1","customAttributes":"{\"role\":\"admin\"}","disableUser":true,"validSince":"1800000000"}`, http.StatusOK, `"localId":"u-1"`},
		{"accounts:lookup", `{"localId":["u-1"]}`, http.StatusOK, `"validSince":"1800000000"`},
		{"accounts:sendOobCode", `{"email":"a@b.example","requestType":"PASSWORD_RESET","returnOobLink":true}`, http.StatusOK, "oobCode="},
		{"accounts:sendOobCode", `{"email":"a@b.example","requestType":"PASSWORD_RESET"}`, http.StatusBadRequest, "INVALID_REQ_TYPE"},
		{"accounts:delete", `{"localId":"u-1"}`, http.StatusOK, "{}"},
		{"accounts:delete", `{"localId":"u-1"}`, http.StatusBadRequest, "USER_NOT_FOUND"},
		{"accounts:delete", `?`, http.StatusBadRequest, "bad request"},
	} {
		status, body, _ := call(t, idp.Client(), http.MethodPost, projectURL+step.path, step.body)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", step.path, step.body, status, body, step.status, step.want)
		}
	}
}

// TestSignIn: the token says what the account says, and who is disabled gets none.
func TestSignIn(t *testing.T) {
	idp := newIDP(t)
	ask := func(path, body string) {
		t.Helper()
		if status, answer, _ := call(t, idp.Client(), http.MethodPost, projectURL+path, body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	if _, err := idp.SignIn("a@b.example"); !errors.Is(err, fakeidp.ErrNoSignIn) {
		t.Errorf("nobody signs in: %v", err)
	}
	ask("accounts", `{"localId":"u-1","email":"a@b.example"}`)
	ask("accounts:update", `{"localId":"u-1","customAttributes":"{\"role\":\"admin\",\"tenant_id\":\"acme\"}"}`)
	token, err := idp.SignIn("A@b.example")
	if err != nil {
		t.Fatal(err)
	}
	_, claims := opened(t, idp, token)
	if claims["sub"] != "u-1" || claims["role"] != "admin" || claims["tenant_id"] != "acme" || claims["email"] != "a@b.example" {
		t.Errorf("claims %v", claims)
	}
	ask("accounts:update", `{"localId":"u-1","disableUser":true}`)
	if _, err := idp.SignIn("a@b.example"); !errors.Is(err, fakeidp.ErrNoSignIn) {
		t.Errorf("a disabled user signs in: %v", err)
	}
	ask("accounts:update", `{"localId":"u-1","disableUser":false,"customAttributes":"?"}`)
	if _, err := idp.SignIn("a@b.example"); err == nil || errors.Is(err, fakeidp.ErrNoSignIn) {
		t.Errorf("claims that are none: %v", err)
	}
}
