package servers

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestAuthIsSharedAndStopped, and empty whenever it is asked for.
func TestAuthIsSharedAndStopped(t *testing.T) {
	addr := Auth(t)
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("%s is not a loopback address", addr)
	}
	accounts := "http://" + addr + "/identitytoolkit.googleapis.com/v1/projects/" + AuthProject + "/accounts"
	count := func() int {
		t.Helper()
		var found struct {
			Users []any `json:"users"`
		}
		if err := askAuth(t.Context(), http.MethodGet, accounts+":batchGet?maxResults=9", &found); err != nil {
			t.Fatal(err)
		}
		return len(found.Users)
	}
	create, err := http.NewRequestWithContext(t.Context(), http.MethodPost, accounts, strings.NewReader(`{"email":"ann@acme.example"}`))
	if err != nil {
		t.Fatal(err)
	}
	create.Header.Set("Authorization", "Bearer owner")
	create.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(create)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	made := count()
	if again := Auth(t); made != 1 || again != addr || count() != 0 {
		t.Errorf("%d accounts, and then %d at %s", made, count(), again)
	}
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	if authAnswers(addr) {
		t.Errorf("%s still answers", addr)
	}
}
