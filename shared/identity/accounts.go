package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/auth"
	"google.golang.org/api/identitytoolkit/v1"
	"google.golang.org/api/option"
)

// AccountsConfig says whose accounts are administered. ProjectID is required.
type AccountsConfig struct {
	ProjectID string
	// Signer is the service account that signs the custom tokens of machines, by its address;
	// empty is the one that the process runs as, by Google's metadata server.
	Signer string
}

// NewAccounts builds the Admin SDK's client for the accounts of a project, and calls
// nobody yet. It is for administration: who calls is verified by [Verifier] and
// [Staff]. The options are for its calls: credentials, or option.WithHTTPClient. Call it at
// start, as [New]: the SDK copies [http.DefaultTransport].
func NewAccounts(ctx context.Context, cfg AccountsConfig, options ...option.ClientOption) (*auth.Client, error) {
	if cfg.ProjectID == "" {
		return nil, errors.New("identity: no project id")
	}
	if _, set := os.LookupEnv(emulatorVariable); set {
		return nil, fmt.Errorf("identity: %s sends accounts elsewhere and must not be set", emulatorVariable)
	}
	rpc, err := newRPCClient(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return newAccountsClient(ctx, cfg, rpc)
}

func newAccountsClient(ctx context.Context, cfg AccountsConfig, rpc *http.Client) (*auth.Client, error) {
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: cfg.ProjectID, ServiceAccountID: cfg.Signer},
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

// NewToolkits are two clients of Identity Platform's own API, for what the Admin SDK has no
// call for: an administrator's, with the process's credentials, and that of users' programs,
// which has none. They call nobody yet. A client, where one is given, sends what is for both.
func NewToolkits(ctx context.Context, client *http.Client) (administrator, public *identitytoolkit.Service, err error) {
	rpc, plain := client, client
	if client == nil {
		plain = &http.Client{}
		if rpc, err = newRPCClient(ctx, nil); err != nil {
			return nil, nil, fmt.Errorf("identity: %w", err)
		}
	}
	if administrator, err = identitytoolkit.NewService(ctx, option.WithHTTPClient(rpc)); err != nil {
		return nil, nil, fmt.Errorf("identity: %w", err)
	}
	if public, err = identitytoolkit.NewService(ctx, option.WithHTTPClient(plain)); err != nil {
		return nil, nil, fmt.Errorf("identity: %w", err)
	}
	return administrator, public, nil
}
