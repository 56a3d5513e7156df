package main

import (
	"maps"
	"testing"
)

// keyGrant binds a role on a key to the account of cloudRun's service.
func keyGrant(key, role string) planned {
	return planned{"google_kms_crypto_key_iam_binding", a{
		"crypto_key_id": "projects/p/locations/l/keyRings/r/cryptoKeys/" + key, "role": role, "members": []string{"serviceAccount:x@p.iam.gserviceaccount.com"},
	}}
}

// TestSigning: a function lacks none of the roles that its environment makes it use.
func TestSigning(t *testing.T) {
	const sign, see, look = "roles/cloudkms.signer", "roles/cloudkms.publicKeyViewer", "projects/p/roles/licenses.keyVersionLister"
	const decrypt, encrypt = "roles/cloudkms.cryptoKeyDecrypter", "roles/cloudkms.cryptoKeyEncrypter"
	reaper := map[string]string{
		"FUNCTION_TARGET": "Reaper", "REAPER_AUDIENCE": "https://x.example", "REAPER_SERVICE_ACCOUNT": "s@p.iam.gserviceaccount.com",
	}
	byKMS := map[string]string{"TOKEN_SIGNING": "kms", "KMS_ENCRYPTION_KEY": ""}
	for name, tt := range map[string]struct {
		change map[string]string
		grants []planned
	}{
		"by delegations":                      {nil, []planned{keyGrant("k", see), keyGrant("d", decrypt)}},
		"by KMS":                              {byKMS, []planned{keyGrant("k", sign), keyGrant("k", see), keyGrant("k", look)}},
		"by KMS, with delegations to publish": {map[string]string{"TOKEN_SIGNING": "kms"}, []planned{keyGrant("k", sign), keyGrant("k", see), keyGrant("k", look)}},
		"the reaper":                          {reaper, []planned{keyGrant("k", sign), keyGrant("k", see), keyGrant("k", look), keyGrant("d", encrypt)}},
		"release":                             {map[string]string{"FUNCTION_TARGET": "Release"}, nil},
		"the vendor's door": {
			map[string]string{"FUNCTION_TARGET": "Control", "STAFF_AUDIENCE": "https://x.example", "STAFF_ACCOUNTS": "@acme.example", "KMS_KEY": "", "KMS_ENCRYPTION_KEY": ""}, nil,
		},
		"the vendor's door, which tells of the key": {
			map[string]string{"FUNCTION_TARGET": "Control", "STAFF_AUDIENCE": "https://x.example", "STAFF_ACCOUNTS": "@acme.example", "KMS_ENCRYPTION_KEY": ""}, []planned{keyGrant("k", look)},
		},
	} {
		env := acquire()
		maps.Copy(env, tt.change)
		service := planned{"google_cloud_run_v2_service", cloudRun("15s", env)}
		t.Run(name, func(t *testing.T) {
			wantFault(t, mustRead(t, append(tt.grants, service)...).signing(), "")
		})
		for i, left := range tt.grants {
			t.Run(name+", but not "+left.after["role"].(string), func(t *testing.T) {
				others := append([]planned{service}, tt.grants[:i]...)
				wantFault(t, mustRead(t, append(others, tt.grants[i+1:]...)...).signing(), "its account has no ")
			})
		}
	}
}

// TestSigningOfAnother: a grant to another account, or on another key, is none.
func TestSigningOfAnother(t *testing.T) {
	service := planned{"google_cloud_run_v2_service", cloudRun("15s", acquire())}
	see := keyGrant("k", "roles/cloudkms.publicKeyViewer")
	others := keyGrant("d", "roles/cloudkms.cryptoKeyDecrypter")
	others.after["members"] = []string{"serviceAccount:y@p.iam.gserviceaccount.com"}
	wantFault(t, mustRead(t, service, see, others).signing(), "no roles/cloudkms.cryptoKeyDecrypter on projects/p/locations/l/keyRings/r/cryptoKeys/d")
	wantFault(t, mustRead(t, service, see, keyGrant("k", "roles/cloudkms.cryptoKeyDecrypter")).signing(), "cryptoKeys/d")
}
