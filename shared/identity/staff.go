package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// StaffConfig says whose Google ID tokens open the vendor's own door.
type StaffConfig struct {
	// Audience is compared exactly. It is required.
	Audience string
	// Accounts are the addresses that may call: people's and service accounts', or of
	// all accounts of a Google Workspace domain @ and its name. One is required.
	Accounts []string
	// IAMChecked, KeyClient, Deadline and Now are as in [SchedulerConfig].
	IAMChecked bool
	KeyClient  *http.Client
	Deadline   time.Duration
	Now        func() time.Time
}

// Staff verifies the vendor's people and programs. It is safe for concurrent use.
type Staff struct {
	tokens   *googleTokens
	accounts []string
}

// NewStaff builds a verifier and fetches nothing yet.
func NewStaff(cfg StaffConfig) (*Staff, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	tokens, err := newGoogleTokens(googleConfig{cfg.Audience, cfg.IAMChecked, cfg.KeyClient, cfg.Deadline, cfg.Now})
	if err != nil {
		return nil, err
	}
	return &Staff{tokens: tokens, accounts: slices.Clone(cfg.Accounts)}, nil
}

func (c StaffConfig) validate() error {
	var faults []error
	if err := CheckAudience(c.Audience); err != nil {
		faults = append(faults, fmt.Errorf("identity: the staff %w", err))
	}
	if len(c.Accounts) == 0 {
		faults = append(faults, errors.New("identity: nobody is staff: name an account"))
	}
	for i, account := range c.Accounts {
		if err := CheckStaffAccount(account); err != nil {
			faults = append(faults, fmt.Errorf("identity: account %d of the staff %w", i+1, err))
		}
	}
	return errors.Join(faults...)
}

// Close ends key fetches and waits for them.
func (s *Staff) Close() { s.tokens.Close() }

// Verify accepts a Google-signed token for the audience of an account that may
// call. The caller is known by its address, and has no organization: which one is meant
// stands in the request. Errors are as those of [Scheduler.Verify].
func (s *Staff) Verify(ctx context.Context, bearer string) (license.Caller, error) {
	email, claims, err := s.tokens.account(ctx, bearer)
	if err != nil {
		return license.Caller{}, err
	}
	// Anybody can have an account with an address of the domain; hd says that the
	// domain's own administrator has made it.
	// https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
	domain, _ := claims.text("hd")
	if !slices.Contains(s.accounts, email) && (domain == "" || !slices.Contains(s.accounts, "@"+domain)) {
		return license.Caller{}, ErrForbidden
	}
	return license.Caller{UserID: email, Role: license.RoleService, Email: email}, nil
}
