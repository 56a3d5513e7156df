package fakekms_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"hash/crc32"
	"net"
	"slices"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"go.uber.org/goleak"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg fakekms.Config) (*fakekms.Server, *kms.KeyManagementClient) {
	t.Helper()
	s, err := fakekms.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, connect(t, s.ClientOptions()...)
}

func connect(t *testing.T, options ...option.ClientOption) *kms.KeyManagementClient {
	t.Helper()
	client, err := kms.NewKeyManagementClient(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func crc(data []byte) int64 {
	return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

func signRequest(name string) *kmspb.AsymmetricSignRequest {
	digest := sha256.Sum256([]byte("payload"))
	return &kmspb.AsymmetricSignRequest{
		Name:         name,
		Digest:       &kmspb.Digest{Digest: &kmspb.Digest_Sha256{Sha256: digest[:]}},
		DigestCrc32C: wrapperspb.Int64(crc(digest[:])),
	}
}

func publicKey(t *testing.T, client *kms.KeyManagementClient, name string) *rsa.PublicKey {
	t.Helper()
	answer, err := client.GetPublicKey(within(t), &kmspb.GetPublicKeyRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if answer.GetPemCrc32C().GetValue() != crc([]byte(answer.GetPem())) || answer.GetName() != name {
		t.Errorf("public key has the wrong checksum or name %q", answer.GetName())
	}
	block, _ := pem.Decode([]byte(answer.GetPem()))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("got %v, want code %v", err, want)
	}
}

func TestSignaturesVerifyWithThePublicKey(t *testing.T) {
	_, client := start(t, fakekms.Config{})
	name := fakekms.DefaultKey + "/cryptoKeyVersions/1"
	request := signRequest(name)
	answer, err := client.AsymmetricSign(within(t), request)
	if err != nil {
		t.Fatal(err)
	}
	key := publicKey(t, client, name)
	if key.N.BitLen() != 4096 {
		t.Errorf("key has %d bits", key.N.BitLen())
	}
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, request.GetDigest().GetSha256(), answer.GetSignature()); err != nil {
		t.Error(err)
	}
	if answer.GetName() != name || !answer.GetVerifiedDigestCrc32C() || answer.GetSignatureCrc32C().GetValue() != crc(answer.GetSignature()) {
		t.Errorf("integrity fields are wrong: %q %v", answer.GetName(), answer.GetVerifiedDigestCrc32C())
	}
}

func TestSignWithoutChecksumIsNotVerified(t *testing.T) {
	_, client := start(t, fakekms.Config{})
	request := signRequest(fakekms.DefaultKey + "/cryptoKeyVersions/1")
	request.DigestCrc32C = nil
	answer, err := client.AsymmetricSign(within(t), request)
	if err != nil || answer.GetVerifiedDigestCrc32C() {
		t.Errorf("got verified %v, %v", answer.GetVerifiedDigestCrc32C(), err)
	}
}

func TestSignRefusals(t *testing.T) {
	s, client := start(t, fakekms.Config{Versions: []fakekms.VersionSpec{
		{},
		{State: kmspb.CryptoKeyVersion_DISABLED},
		{Algorithm: kmspb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256},
	}})
	version := s.Key() + "/cryptoKeyVersions/"
	for name, c := range map[string]struct {
		change func(*kmspb.AsymmetricSignRequest)
		want   codes.Code
	}{
		"no such version": {func(r *kmspb.AsymmetricSignRequest) { r.Name = version + "9" }, codes.NotFound},
		"disabled":        {func(r *kmspb.AsymmetricSignRequest) { r.Name = version + "2" }, codes.FailedPrecondition},
		"other algorithm": {func(r *kmspb.AsymmetricSignRequest) { r.Name = version + "3" }, codes.InvalidArgument},
		"wrong checksum":  {func(r *kmspb.AsymmetricSignRequest) { r.DigestCrc32C.Value ^= 1 }, codes.InvalidArgument},
		"no digest":       {func(r *kmspb.AsymmetricSignRequest) { r.Digest = nil }, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			request := signRequest(version + "1")
			c.change(request)
			_, err := client.AsymmetricSign(within(t), request)
			wantCode(t, err, c.want)
		})
	}
}

func list(t *testing.T, client *kms.KeyManagementClient, parent string) ([]string, error) {
	t.Helper()
	var names []string
	it := client.ListCryptoKeyVersions(within(t), &kmspb.ListCryptoKeyVersionsRequest{Parent: parent})
	for {
		v, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, v.GetName())
	}
}

func TestListPagesThroughAllVersions(t *testing.T) {
	s, client := start(t, fakekms.Config{PageSize: 2, Versions: make([]fakekms.VersionSpec, 3)})
	got, err := list(t, client, s.Key())
	want := []string{s.Key() + "/cryptoKeyVersions/1", s.Key() + "/cryptoKeyVersions/2", s.Key() + "/cryptoKeyVersions/3"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if calls := s.Calls(fakekms.MethodList); calls != 2 {
		t.Errorf("%d list calls for two pages", calls)
	}
	_, err = list(t, client, s.Key()+"x")
	wantCode(t, err, codes.NotFound)
	_, err = s.ListCryptoKeyVersions(within(t), &kmspb.ListCryptoKeyVersionsRequest{Parent: s.Key(), PageToken: "-1"})
	wantCode(t, err, codes.InvalidArgument)
	_, err = s.ListCryptoKeyVersions(within(t), &kmspb.ListCryptoKeyVersionsRequest{Parent: s.Key(), Filter: "state=ENABLED"})
	wantCode(t, err, codes.Unimplemented)
}

func TestCreateAndDisable(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s, client := start(t, fakekms.Config{Now: func() time.Time { return now }})
	created, err := client.CreateCryptoKeyVersion(within(t), &kmspb.CreateCryptoKeyVersionRequest{Parent: s.Key()})
	if err != nil {
		t.Fatal(err)
	}
	if created.GetState() != kmspb.CryptoKeyVersion_ENABLED || !created.GetCreateTime().AsTime().Equal(now) {
		t.Errorf("created %v", created)
	}
	if publicKey(t, client, created.GetName()).Equal(publicKey(t, client, s.Key()+"/cryptoKeyVersions/1")) {
		t.Error("two versions share a key")
	}
	if err := s.SetState(created.GetName(), kmspb.CryptoKeyVersion_DISABLED); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetPublicKey(within(t), &kmspb.GetPublicKeyRequest{Name: created.GetName()})
	wantCode(t, err, codes.FailedPrecondition)
	got, err := client.GetCryptoKeyVersion(within(t), &kmspb.GetCryptoKeyVersionRequest{Name: created.GetName()})
	if err != nil || got.GetState() != kmspb.CryptoKeyVersion_DISABLED {
		t.Errorf("got %v, %v", got, err)
	}
	if s.SetState("nonsense", kmspb.CryptoKeyVersion_ENABLED) == nil {
		t.Error("state of an unknown version was set")
	}
}

func TestUnknownNames(t *testing.T) {
	_, client := start(t, fakekms.Config{})
	_, err := client.GetCryptoKeyVersion(within(t), &kmspb.GetCryptoKeyVersionRequest{Name: "x"})
	wantCode(t, err, codes.NotFound)
	_, err = client.CreateCryptoKeyVersion(within(t), &kmspb.CreateCryptoKeyVersionRequest{Parent: "x"})
	wantCode(t, err, codes.NotFound)
	_, err = client.GetPublicKey(within(t), &kmspb.GetPublicKeyRequest{Name: "x"})
	wantCode(t, err, codes.NotFound)
	_, err = client.MacSign(within(t), &kmspb.MacSignRequest{Name: "x"})
	wantCode(t, err, codes.Unimplemented)
}

func TestFaultsAndCounts(t *testing.T) {
	s, client := start(t, fakekms.Config{})
	name := s.Key() + "/cryptoKeyVersions/1"
	s.SetBefore(func(_ context.Context, method string) error {
		if method == fakekms.MethodSign {
			return status.Error(codes.PermissionDenied, "no")
		}
		return nil
	})
	_, err := client.AsymmetricSign(within(t), signRequest(name))
	wantCode(t, err, codes.PermissionDenied)
	publicKey(t, client, name)
	if s.Calls(fakekms.MethodSign) != 1 || s.Calls(fakekms.MethodPublicKey) != 1 || s.TotalCalls() != 2 {
		t.Errorf("counted %d, %d, %d", s.Calls(fakekms.MethodSign), s.Calls(fakekms.MethodPublicKey), s.TotalCalls())
	}
	s.ResetCalls()
	s.SetBefore(nil)
	if _, err = client.AsymmetricSign(within(t), signRequest(name)); err != nil || s.TotalCalls() != 1 {
		t.Errorf("after the fault: %v, %d calls", err, s.TotalCalls())
	}
}

func TestTampersChangeWhatTheySay(t *testing.T) {
	s, client := start(t, fakekms.Config{})
	name := s.Key() + "/cryptoKeyVersions/1"
	key := publicKey(t, client, name)
	type seen struct{ name, checked, sum, genuine bool }
	for label, c := range map[string]struct {
		tamper fakekms.Tamper
		want   seen
	}{
		"none":             {nil, seen{true, true, true, true}},
		"DamageSignature":  {fakekms.DamageSignature, seen{true, true, false, false}},
		"FaultySignature":  {fakekms.FaultySignature, seen{true, true, true, false}},
		"DamageChecksum":   {fakekms.DamageChecksum, seen{true, true, false, true}},
		"DropChecksum":     {fakekms.DropChecksum, seen{true, true, false, true}},
		"UnverifiedDigest": {fakekms.UnverifiedDigest, seen{true, false, true, true}},
		"WrongName":        {fakekms.WrongName, seen{false, true, true, true}},
	} {
		t.Run(label, func(t *testing.T) {
			s.SetTamper(c.tamper)
			request := signRequest(name)
			a, err := client.AsymmetricSign(within(t), request)
			if err != nil {
				t.Fatal(err)
			}
			got := seen{
				name:    a.GetName() == name,
				checked: a.GetVerifiedDigestCrc32C(),
				sum:     a.GetSignatureCrc32C() != nil && a.GetSignatureCrc32C().GetValue() == crc(a.GetSignature()),
				genuine: rsa.VerifyPKCS1v15(key, crypto.SHA256, request.GetDigest().GetSha256(), a.GetSignature()) == nil,
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestServesOnAListenerAndOnAForeignServer(t *testing.T) {
	s, _ := start(t, fakekms.Config{})
	foreign := grpc.NewServer(grpc.WaitForHandlers(true))
	s.Register(foreign)
	for name, server := range map[string]struct {
		serve func(net.Listener) error
		stop  func()
	}{
		"own":     {s.Serve, s.Close},
		"foreign": {foreign.Serve, foreign.Stop},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- server.serve(l) }()
			client := connect(t, option.WithEndpoint(l.Addr().String()), option.WithoutAuthentication(),
				option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
			publicKey(t, client, s.Key()+"/cryptoKeyVersions/1")
			server.stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSharedKeysAreStableAndDistinct(t *testing.T) {
	first, err := fakekms.SharedKey(0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := fakekms.SharedKey(1)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := fakekms.SharedKey(0)
	if first != again || bytes.Equal(first.N.Bytes(), second.N.Bytes()) {
		t.Error("keys are not one per number")
	}
	if _, err := fakekms.SharedKey(-1); err == nil {
		t.Error("there is a key -1")
	}
}

func encryptRequest(s *fakekms.Server, text, aad string) *kmspb.EncryptRequest {
	return &kmspb.EncryptRequest{
		Name: s.EncryptionKey(), Plaintext: []byte(text), PlaintextCrc32C: wrapperspb.Int64(crc([]byte(text))),
		AdditionalAuthenticatedData: []byte(aad), AdditionalAuthenticatedDataCrc32C: wrapperspb.Int64(crc([]byte(aad))),
	}
}

// TestEncryptAndBack: with the same data beside it, and with all checksums.
func TestEncryptAndBack(t *testing.T) {
	s, client := start(t, fakekms.Config{})
	sealed, err := client.Encrypt(within(t), encryptRequest(s, "secret", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	if sealed.GetCiphertextCrc32C().GetValue() != crc(sealed.GetCiphertext()) || !sealed.GetVerifiedPlaintextCrc32C() ||
		!sealed.GetVerifiedAdditionalAuthenticatedDataCrc32C() || sealed.GetName() != s.EncryptionKey()+"/cryptoKeyVersions/1" ||
		bytes.Contains(sealed.GetCiphertext(), []byte("secret")) {
		t.Errorf("%v", sealed)
	}
	_, other := start(t, fakekms.Config{}) // of the same process: it has the same key
	for aad, want := range map[string]string{"k1": "secret", "k2": "", "": ""} {
		opened, err := other.Decrypt(within(t), &kmspb.DecryptRequest{
			Name: s.EncryptionKey(), Ciphertext: sealed.GetCiphertext(), AdditionalAuthenticatedData: []byte(aad),
		})
		if string(opened.GetPlaintext()) != want || (want == "") != (status.Code(err) == codes.InvalidArgument) {
			t.Errorf("beside %q: %q, %v", aad, opened.GetPlaintext(), err)
		}
		if want != "" && opened.GetPlaintextCrc32C().GetValue() != crc([]byte(want)) {
			t.Error("a wrong checksum")
		}
	}
}

// TestEncryptRefusals: of what is damaged, missing or of another key.
func TestEncryptRefusals(t *testing.T) {
	s, client := start(t, fakekms.Config{})
	for name, tt := range map[string]struct {
		change func(*kmspb.EncryptRequest)
		want   codes.Code
	}{
		"another key":       {func(r *kmspb.EncryptRequest) { r.Name += "x" }, codes.NotFound},
		"the signing key":   {func(r *kmspb.EncryptRequest) { r.Name = s.Key() }, codes.NotFound},
		"nothing":           {func(r *kmspb.EncryptRequest) { r.Plaintext = nil }, codes.InvalidArgument},
		"too much":          {func(r *kmspb.EncryptRequest) { r.Plaintext = make([]byte, 65<<10) }, codes.InvalidArgument},
		"a damaged text":    {func(r *kmspb.EncryptRequest) { r.Plaintext = []byte("secres") }, codes.InvalidArgument},
		"damaged data":      {func(r *kmspb.EncryptRequest) { r.AdditionalAuthenticatedData = []byte("k2") }, codes.InvalidArgument},
		"no checksum is ok": {func(r *kmspb.EncryptRequest) { r.PlaintextCrc32C = nil }, codes.OK},
	} {
		r := encryptRequest(s, "secret", "k1")
		tt.change(r)
		answer, err := client.Encrypt(within(t), r)
		if status.Code(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
		if tt.want == codes.OK && answer.GetVerifiedPlaintextCrc32C() {
			t.Errorf("%s: verified", name)
		}
	}
	sealed, err := client.Encrypt(within(t), encryptRequest(s, "secret", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*kmspb.DecryptRequest{
		"a damaged ciphertext": {Name: s.EncryptionKey(), Ciphertext: sealed.GetCiphertext()[1:], CiphertextCrc32C: sealed.GetCiphertextCrc32C()},
		"damaged data": {
			Name: s.EncryptionKey(), Ciphertext: sealed.GetCiphertext(), AdditionalAuthenticatedData: []byte("k1"), AdditionalAuthenticatedDataCrc32C: wrapperspb.Int64(7),
		},
		"short": {Name: s.EncryptionKey(), Ciphertext: []byte("x")},
	} {
		if _, err := client.Decrypt(within(t), r); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.Decrypt(within(t), &kmspb.DecryptRequest{Name: s.Key()}); status.Code(err) != codes.NotFound {
		t.Errorf("another key: %v", err)
	}
}

// TestACallerIsKnown where its client says who it is.
func TestACallerIsKnown(t *testing.T) {
	s, anonymous := start(t, fakekms.Config{})
	var callers []string
	s.SetBefore(func(ctx context.Context, _ string) error {
		callers = append(callers, fakekms.Caller(ctx))
		return nil
	})
	for _, client := range []*kms.KeyManagementClient{anonymous, connect(t, s.ClientOptionsAs("reaper")...)} {
		if _, err := client.Encrypt(within(t), encryptRequest(s, "secret", "k1")); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(callers, []string{"", "reaper"}) {
		t.Errorf("%q", callers)
	}
}
