package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/auth"
	"google.golang.org/api/option"
)

// NewAccounts builds the Admin SDK's client for the accounts of a project, and calls
// nobody yet. It is for administration: who calls is verified by [Verifier] and
// [Staff]. The options are for its calls: credentials, or option.WithHTTPClient. Call it at
// start, as [New]: the SDK copies [http.DefaultTransport].
func NewAccounts(ctx context.Context, projectID string, options ...option.ClientOption) (*auth.Client, error) {
	if projectID == "" {
		return nil, errors.New("identity: no project id")
	}
	if _, set := os.LookupEnv(emulatorVariable); set {
		return nil, fmt.Errorf("identity: %s sends accounts elsewhere and must not be set", emulatorVariable)
	}
	rpc, err := newRPCClient(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return newAccountsClient(ctx, projectID, rpc)
}

func newAccountsClient(ctx context.Context, projectID string, rpc *http.Client) (*auth.Client, error) {
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: projectID},
		option.WithHTTPClient(rpc), option.WithAuthCredentials(noCredentials()))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	defaultTransport.Lock()
	defer defaultTransport.Unlock()
	client, err := app.Auth(ctx)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return client, nil
}
