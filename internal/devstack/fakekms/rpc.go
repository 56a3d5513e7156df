package fakekms

import (
	"context"
	"crypto/sha256"
	"hash/crc32"
	"strconv"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The methods served, as [Server.Calls] and [Server.SetBefore] name them.
const (
	MethodList      = "ListCryptoKeyVersions"
	MethodGet       = "GetCryptoKeyVersion"
	MethodCreate    = "CreateCryptoKeyVersion"
	MethodPublicKey = "GetPublicKey"
	MethodSign      = "AsymmetricSign"
	MethodEncrypt   = "Encrypt"
	MethodDecrypt   = "Decrypt"
)

// ListCryptoKeyVersions lists all versions of the key by ascending number, in
// pages. Filters and orders are refused rather than misunderstood.
func (s *Server) ListCryptoKeyVersions(ctx context.Context, r *kmspb.ListCryptoKeyVersionsRequest) (*kmspb.ListCryptoKeyVersionsResponse, error) {
	return serve(ctx, s, MethodList, func() (*kmspb.ListCryptoKeyVersionsResponse, error) {
		if r.GetParent() != s.cfg.Key {
			return nil, status.Error(codes.NotFound, "CryptoKey not found")
		}
		if r.GetFilter() != "" || r.GetOrderBy() != "" {
			return nil, status.Error(codes.Unimplemented, "filter and order_by are not simulated")
		}
		return s.page(r)
	})
}

// page cuts one list answer; page tokens are offsets.
func (s *Server) page(r *kmspb.ListCryptoKeyVersionsRequest) (*kmspb.ListCryptoKeyVersionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if token := r.GetPageToken(); token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 || n > len(s.versions) {
			return nil, status.Error(codes.InvalidArgument, "page_token is not one of ours")
		}
		from = n
	}
	size := s.cfg.PageSize
	if asked := int(r.GetPageSize()); asked > 0 {
		size = min(asked, size, maxPage)
	}
	to := min(from+size, len(s.versions))
	out := &kmspb.ListCryptoKeyVersionsResponse{TotalSize: int32(len(s.versions))} //nolint:gosec // a handful of keys
	for _, v := range s.versions[from:to] {
		out.CryptoKeyVersions = append(out.CryptoKeyVersions, v.describe())
	}
	if to < len(s.versions) {
		out.NextPageToken = strconv.Itoa(to)
	}
	return out, nil
}

// GetCryptoKeyVersion describes one version, whatever its state.
func (s *Server) GetCryptoKeyVersion(ctx context.Context, r *kmspb.GetCryptoKeyVersionRequest) (*kmspb.CryptoKeyVersion, error) {
	return serve(ctx, s, MethodGet, func() (*kmspb.CryptoKeyVersion, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		v := s.find(r.GetName())
		if v == nil {
			return nil, status.Error(codes.NotFound, "CryptoKeyVersion not found")
		}
		return v.describe(), nil
	})
}

// CreateCryptoKeyVersion adds a version as the rotation schedule does. Unlike
// the real service it is ENABLED at once, without PENDING_GENERATION before.
func (s *Server) CreateCryptoKeyVersion(ctx context.Context, r *kmspb.CreateCryptoKeyVersionRequest) (*kmspb.CryptoKeyVersion, error) {
	return serve(ctx, s, MethodCreate, func() (*kmspb.CryptoKeyVersion, error) {
		if r.GetParent() != s.cfg.Key {
			return nil, status.Error(codes.NotFound, "CryptoKey not found")
		}
		name, err := s.AddVersion(VersionSpec{State: r.GetCryptoKeyVersion().GetState()})
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.find(name).describe(), nil
	})
}

// GetPublicKey returns an enabled version's public key as PEM.
func (s *Server) GetPublicKey(ctx context.Context, r *kmspb.GetPublicKeyRequest) (*kmspb.PublicKey, error) {
	return serve(ctx, s, MethodPublicKey, func() (*kmspb.PublicKey, error) {
		v, err := s.enabled(r.GetName())
		if err != nil {
			return nil, err
		}
		return &kmspb.PublicKey{
			Name:            v.name,
			Pem:             v.pem,
			PemCrc32C:       wrapperspb.Int64(checksum([]byte(v.pem))),
			Algorithm:       v.algorithm,
			ProtectionLevel: kmspb.ProtectionLevel_SOFTWARE,
		}, nil
	})
}

// AsymmetricSign signs a SHA-256 digest with an enabled version. A digest that
// does not match its checksum is refused, as the real service does.
func (s *Server) AsymmetricSign(ctx context.Context, r *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	return serve(ctx, s, MethodSign, func() (*kmspb.AsymmetricSignResponse, error) {
		v, err := s.enabled(r.GetName())
		if err != nil {
			return nil, err
		}
		digest := r.GetDigest().GetSha256()
		if len(digest) != sha256.Size || v.algorithm != kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256 {
			return nil, status.Error(codes.InvalidArgument, "a SHA-256 digest and an RSA_SIGN_PKCS1_4096_SHA256 version are needed")
		}
		sum := r.GetDigestCrc32C()
		if damaged(sum, digest) {
			return nil, status.Error(codes.InvalidArgument, "digest_crc32c does not match the digest")
		}
		signature, err := v.sign(digest)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		return &kmspb.AsymmetricSignResponse{
			Name:                 v.name,
			Signature:            signature,
			SignatureCrc32C:      wrapperspb.Int64(checksum(signature)),
			VerifiedDigestCrc32C: sum != nil,
			ProtectionLevel:      kmspb.ProtectionLevel_SOFTWARE,
		}, nil
	})
}

// enabled copies a version out of the lock, so that signatures run in parallel.
func (s *Server) enabled(name string) (version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.find(name)
	if v == nil {
		return version{}, status.Error(codes.NotFound, "CryptoKeyVersion not found")
	}
	if v.state != kmspb.CryptoKeyVersion_ENABLED {
		return version{}, status.Errorf(codes.FailedPrecondition, "%s is not enabled, current state is: %s", v.name, v.state)
	}
	return *v, nil
}

// serve counts a call and runs it between the programmed faults.
func serve[T proto.Message](ctx context.Context, s *Server, method string, answer func() (T, error)) (T, error) {
	before, tamper := s.enter(method)
	if before != nil {
		if err := before(ctx, method); err != nil {
			var none T
			return none, err
		}
	}
	out, err := answer()
	if err == nil && tamper != nil {
		tamper(method, out)
	}
	return out, err
}

// checksum is CRC32C as the service uses it.
func checksum(data []byte) int64 {
	return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}
