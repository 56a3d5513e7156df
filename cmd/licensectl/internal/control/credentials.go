package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/credentials/idtoken"
	"cloud.google.com/go/auth/credentials/impersonate"
	"cloud.google.com/go/auth/httptransport"
)

const (
	// gcloudCommand prints ID tokens of who is signed in to gcloud.
	gcloudCommand = "gcloud auth print-identity-token --audiences=" + audiencePlace
	// credentialsVariable names a file of application default credentials.
	// https://cloud.google.com/docs/authentication/application-default-credentials
	credentialsVariable = "GOOGLE_APPLICATION_CREDENTIALS" //nolint:gosec // a name
	// cloudPlatform is the scope that making another account's tokens needs.
	cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"
)

// Identity is in whose name the service is asked.
type Identity struct {
	Audience string
	// Command prints ID tokens; empty leaves it to what is on this machine.
	Command string
	// Impersonate is the service account to act as; empty is none.
	Impersonate string
	// transport sends what makes another account's tokens; nil is the usual one.
	transport http.RoundTripper
}

// Token gives ID tokens by the first of these that there is: the command; the file that
// GOOGLE_APPLICATION_CREDENTIALS names; gcloud; else the application default credentials
// of this machine, which are a file of gcloud's or the metadata server.
func (i Identity) Token() func(context.Context) (string, error) {
	if i.Command != "" {
		return CommandToken(TokenCommand(i.Command, i.Audience, i.Impersonate))
	}
	if os.Getenv(credentialsVariable) == "" {
		if _, err := exec.LookPath("gcloud"); err == nil {
			return CommandToken(TokenCommand(gcloudCommand, i.Audience, i.Impersonate))
		}
	}
	return i.ambient
}

// ambient is an ID token by application default credentials.
func (i Identity) ambient(ctx context.Context) (string, error) {
	given, err := i.given()
	if err == nil {
		var token *auth.Token
		if token, err = given.Token(ctx); err == nil {
			return token.Value, nil
		}
	}
	return "", fmt.Errorf("the application default credentials give no ID token: %w\n%s", err, i.remedy(err))
}

// errPerson: Google makes ID tokens for an audience of service accounts alone.
var errPerson = errors.New("they are a person's, or of another kind that has none")

// remedy is what to do about credentials that give no token.
func (i Identity) remedy(err error) string {
	switch {
	case errors.Is(err, errPerson):
		return "Name a service account that you may act as with --impersonate (docs/operators.md)."
	case strings.Contains(err.Error(), "status code 403"):
		return "Grant the account roles/iam.serviceAccountTokenCreator on the one that it acts as, or correct its name."
	case os.Getenv(credentialsVariable) != "":
		return "Check the file that " + credentialsVariable + " names, and that its key is not disabled."
	}
	return "Install gcloud and sign in, or name a service account's file by " + credentialsVariable + ", or set --identity-token-command (docs/operators.md)."
}

// settings are what is read of a file of credentials.
type settings struct {
	Type   credentials.CredType `json:"type"`
	ActsAs string               `json:"service_account_impersonation_url"`
	Source json.RawMessage      `json:"source_credentials"`
}

// given are the credentials that there are, as those of ID tokens.
func (i Identity) given() (*auth.Credentials, error) {
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{cloudPlatform}})
	if err != nil {
		return nil, err
	}
	if i.Impersonate != "" {
		return i.actingAs(found, i.Impersonate)
	}
	options := &idtoken.Options{Audience: i.Audience}
	if len(found.JSON()) == 0 { // the metadata server's
		return idtoken.NewCredentials(options)
	}
	var file settings
	if err := json.Unmarshal(found.JSON(), &file); err != nil {
		return nil, err
	}
	switch {
	case file.Type == credentials.ServiceAccount:
		return idtoken.NewCredentialsFromJSON(credentials.ServiceAccount, found.JSON(), options)
	case file.ActsAs != "":
		source, err := file.source(found.JSON())
		if err != nil {
			return nil, err
		}
		account, _, _ := strings.Cut(path.Base(file.ActsAs), ":")
		return i.actingAs(source, account)
	}
	return nil, errPerson
}

// source are the credentials that act as the service account of a file: those within it,
// or of an external account the file itself, without what has it act as that account.
func (s settings) source(file []byte) (*auth.Credentials, error) {
	kind, text := s.Type, []byte(s.Source)
	if s.Type == credentials.ImpersonatedServiceAccount {
		var inner settings
		if err := json.Unmarshal(s.Source, &inner); err != nil {
			return nil, fmt.Errorf("source_credentials: %w", err)
		}
		kind = inner.Type
	} else {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(file, &members); err != nil {
			return nil, err
		}
		delete(members, "service_account_impersonation_url")
		var err error
		if text, err = json.Marshal(members); err != nil {
			return nil, err
		}
	}
	return credentials.NewCredentialsFromJSON(kind, text, &credentials.DetectOptions{Scopes: []string{cloudPlatform}})
}

// actingAs are the credentials of a service account that others act as. Without its
// address in a token the service would not know whose it is.
func (i Identity) actingAs(source *auth.Credentials, account string) (*auth.Credentials, error) {
	client, err := httptransport.NewClient(&httptransport.Options{Credentials: source, BaseRoundTripper: i.transport})
	if err != nil {
		return nil, err
	}
	return impersonate.NewIDTokenCredentials(&impersonate.IDTokenOptions{
		Audience: i.Audience, TargetPrincipal: account, IncludeEmail: true, Client: client, Credentials: source,
	})
}
