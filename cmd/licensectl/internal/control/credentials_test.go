package control

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const audience = "https://licenses.example/api/v1/control"

// google stands for the token endpoint, IAM's credentials API and the metadata server.
type google struct {
	*httptest.Server
	denied bool
}

func newGoogle(t *testing.T) *google {
	t.Helper()
	g := &google{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	for _, name := range []string{credentialsVariable, "GCE_METADATA_HOST"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	return g
}

// idToken has the form of one, and says whose it is.
func idToken(whose string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"exp":%d}`, whose, time.Now().Add(time.Hour).Unix())) + "." + part("x")
}

func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case g.denied:
		w.WriteHeader(http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/identity") && r.Header.Get("Metadata-Flavor") == "Google":
		_, _ = io.WriteString(w, idToken("workload for "+r.URL.Query().Get("audience")+" "+r.URL.Query().Get("format")))
	case strings.HasSuffix(r.URL.Path, ":generateIdToken"):
		account := strings.TrimSuffix(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], ":generateIdToken")
		var asked struct {
			Audience     string `json:"audience"`
			IncludeEmail bool   `json:"includeEmail"`
		}
		_ = json.Unmarshal(body, &asked)
		_, _ = fmt.Fprintf(w, `{"token":%q}`, idToken(fmt.Sprintf("%s for %s %t by %s", account, asked.Audience, asked.IncludeEmail, r.Header.Get("Authorization"))))
	case r.URL.Path == "/token":
		form, _ := url.ParseQuery(string(body))
		claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(form.Get("assertion")+"..", ".")[1])
		var asked struct {
			Audience string `json:"target_audience"`
		}
		_ = json.Unmarshal(claims, &asked)
		w.Header().Set("Content-Type", "application/json")
		if asked.Audience != "" {
			_, _ = fmt.Fprintf(w, `{"id_token":%q}`, idToken("robot for "+asked.Audience))
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"robots-access","token_type":"Bearer","expires_in":3600}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// RoundTrip sends here what is for Google.
func (g *google) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(g.URL, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

// robot is a service account's file.
func (g *google) robot(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "robot@p.iam.gserviceaccount.com", "private_key_id": "k", "project_id": "p",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": g.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// file is where the credentials are found from now on.
func file(t *testing.T, text string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(credentialsVariable, name)
}

// whose is whom a token is of.
func (g *google) whose(t *testing.T, i Identity) (string, error) {
	t.Helper()
	i.Audience, i.transport = audience, g
	token, err := i.Token()(t.Context())
	if err != nil {
		return "", err
	}
	var claims struct{ Sub string }
	text, _ := base64.RawURLEncoding.DecodeString(strings.Split(token+"..", ".")[1])
	if json.Unmarshal(text, &claims) == nil {
		token = claims.Sub
	}
	return token, nil
}

const sales = "sales@p.iam.gserviceaccount.com"

// TestApplicationDefaultCredentials give a token for the audience: of a service account's
// file, of one that acts as another, and of the workload itself.
func TestApplicationDefaultCredentials(t *testing.T) {
	acting := `{"type":"impersonated_service_account","service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/` + sales + `:generateAccessToken","source_credentials":%s}`
	g := newGoogle(t)
	robot := g.robot(t)
	for name, tt := range map[string]struct {
		file, impersonate, want string
	}{
		"a service account":    {robot, "", "robot for " + audience},
		"which acts as one":    {robot, sales, sales + " for " + audience + " true by Bearer robots-access"},
		"an acting account":    {fmt.Sprintf(acting, robot), "", sales + " for " + audience + " true by Bearer robots-access"},
		"the metadata server":  {"", "", "workload for " + audience + " full"},
		"a person acts as one": {`{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.file == "" {
				t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(g.URL, "http://"))
			} else {
				file(t, tt.file)
			}
			got, err := g.whose(t, Identity{Impersonate: tt.impersonate})
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), "--impersonate") {
				t.Errorf("what to do is not said: %v", err)
			}
		})
	}
}

// TestWhichCredentialsCount: a command that is named, then the file that is named, then
// gcloud where it is installed.
func TestWhichCredentialsCount(t *testing.T) {
	g := newGoogle(t)
	program := filepath.Join(os.Getenv("PATH"), "gcloud")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$3\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := g.whose(t, Identity{}); got != "--audiences="+audience || err != nil {
		t.Errorf("gcloud: %q, %v", got, err)
	}
	file(t, g.robot(t))
	if got, err := g.whose(t, Identity{}); got != "robot for "+audience || err != nil {
		t.Errorf("a file: %q, %v", got, err)
	}
	if got, err := g.whose(t, Identity{Command: "/bin/echo mine"}); got != "mine" || err != nil {
		t.Errorf("a command: %q, %v", got, err)
	}
}

// TestCredentialsThatGiveNoToken say what to do, and nothing of what is secret.
func TestCredentialsThatGiveNoToken(t *testing.T) {
	g := newGoogle(t)
	robot := g.robot(t)
	for name, tt := range map[string]struct {
		file, impersonate, want string
	}{
		"no JSON":           {"secret", "", "Check the file that " + credentialsVariable},
		"of another kind":   {`{"type":"secret"}`, "", "Check the file"},
		"it may not act as": {robot, sales, "roles/iam.serviceAccountTokenCreator"},
	} {
		t.Run(name, func(t *testing.T) {
			file(t, tt.file)
			g.denied = tt.impersonate == ""
			i := Identity{Audience: audience, Impersonate: tt.impersonate, transport: forbidden{}}
			_, err := i.Token()(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	t.Setenv(credentialsVariable, filepath.Join(t.TempDir(), "none"))
	if _, err := g.whose(t, Identity{}); err == nil || !strings.Contains(err.Error(), "Check the file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// forbidden refuses all.
type forbidden struct{}

func (forbidden) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}
