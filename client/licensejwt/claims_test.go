package licensejwt_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

func TestMarshalWritesEntitlementsAsArray(t *testing.T) {
	claims := goodClaims()
	claims.Entitlements, claims.InstanceID = nil, ""
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"iss":"https://licenses.example.com","aud":"studio","sub":"user-secret","jti":"s-1",` +
		`"iat":1795428000,"nbf":1795427940,"exp":1795431600,"tenant_id":"acme","license_id":"acme-pro",` +
		`"plan":"pro","entitlements":[],"hardware_id":"hw-secret"}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

// TestNeedsNoCloudClient keeps the package light enough for a vendor's program.
func TestNeedsNoCloudClient(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		checked++
		for _, i := range parsed.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if strings.Contains(path, ".") && !strings.HasPrefix(path, "github.com/go-jose/go-jose/v4") {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
	if checked == 0 {
		t.Error("no files were checked")
	}
}
