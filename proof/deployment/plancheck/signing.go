package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// needed are the roles that a function needs on the keys that it is told of, by key;
// custom roles by their last part. terraform/policy says that nobody has more.
func needed(cfg config.Config) map[string][]string {
	const sign, see, look = "roles/cloudkms.signer", "roles/cloudkms.publicKeyViewer", "keyVersionLister"
	switch {
	case cfg.Function == config.Reaper && cfg.KMSEncryptionKey != "":
		return map[string][]string{cfg.KMSKey: {sign, see, look}, cfg.KMSEncryptionKey: {"roles/cloudkms.cryptoKeyEncrypter"}}
	case cfg.ListsKeys():
		return map[string][]string{cfg.KMSKey: {look}}
	case !cfg.Signs():
		return nil
	case cfg.TokenSigning == string(token.ByRoot):
		return map[string][]string{cfg.KMSKey: {sign, see, look}}
	}
	return map[string][]string{cfg.KMSKey: {see}, cfg.KMSEncryptionKey: {"roles/cloudkms.cryptoKeyDecrypter"}}
}

// keyGrants are the roles on keys, as KEY ROLE MEMBER.
func (p *plan) keyGrants() (map[string]bool, error) {
	type binding struct {
		Key     string   `json:"crypto_key_id"`
		Role    string   `json:"role"`
		Members []string `json:"members"`
	}
	granted := map[string]bool{}
	_, err := each(p, "google_kms_crypto_key_iam_binding", func(_ string, b binding) error {
		role := b.Role
		if strings.HasPrefix(role, "projects/") {
			role = role[strings.LastIndexByte(role, '.')+1:]
		}
		for _, member := range b.Members {
			granted[b.Key+" "+role+" "+member] = true
		}
		return nil
	})
	return granted, err
}

// signing: every function may do with the keys it is told of what it will do at its
// first request. A function that may not starts, and answers 503.
func (p *plan) signing() error {
	granted, err := p.keyGrants()
	if err != nil {
		return err
	}
	_, err = each(p, "google_cloud_run_v2_service", func(address string, s service) error {
		env := s.environment()
		cfg, err := config.Load(env["FUNCTION_TARGET"], env)
		if err != nil {
			return nil //nolint:nilerr // environments tells
		}
		var errs []error
		roles := needed(cfg)
		for _, key := range slices.Sorted(maps.Keys(roles)) {
			for _, role := range roles[key] {
				if !granted[key+" "+role+" serviceAccount:"+s.account()] {
					errs = append(errs, fmt.Errorf("%s: its account has no %s on %s", address, role, key))
				}
			}
		}
		return errors.Join(errs...)
	})
	return err
}
