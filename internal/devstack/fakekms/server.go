// Package fakekms is an in-process stand-in for Cloud KMS: the real gRPC
// service definition, real RSA-4096 keys, real checksums, one asymmetric signing
// key and one symmetric key. The real client library talks to it unchanged. Its refusals follow the
// service's documentation; what it lacks answers UNIMPLEMENTED.
//
// Not simulated: permissions (see [Server.ClientOptionsAs]), quotas, and the seconds to hours KMS may take to
// act on a disabled version.
package fakekms

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// DefaultKey is the key's resource name unless [Config] names another.
const DefaultKey = "projects/local/locations/global/keyRings/licenses/cryptoKeys/license-token"

// maxPage is the most versions one list answer holds, as in the real service.
const maxPage = 1000

// Config says what the stand-in holds at its start. The zero value is good:
// [DefaultKey] with one enabled version, created now.
type Config struct {
	// Key is the full resource name of the signing key.
	Key string
	// EncryptionKey is that of the symmetric key. Empty: [DefaultEncryptionKey].
	EncryptionKey string
	// Versions are created in this order, numbered from 1. None given: one with
	// everything at its default.
	Versions []VersionSpec
	// PageSize caps list answers, to exercise paging. Zero: 100.
	PageSize int
	// Now stamps versions created without a time. Nil: time.Now.
	Now func() time.Time
}

// Server is the stand-in. It is safe for concurrent use.
type Server struct {
	kmspb.UnimplementedKeyManagementServiceServer

	cfg   Config
	grpc  *grpc.Server
	pipe  *bufconn.Listener
	start sync.Once
	done  sync.WaitGroup

	mu       sync.Mutex
	versions []*version
	calls    map[string]int
	before   func(ctx context.Context, method string) error
	tamper   Tamper
}

// New makes a stand-in that serves nobody yet: see [Server.ClientOptions],
// [Server.Serve] and [Server.Register]. Keys that are not given come from
// [SharedKey], which takes about a second per process and key.
func New(cfg Config) (*Server, error) {
	if cfg.Key == "" {
		cfg.Key = DefaultKey
	}
	if cfg.EncryptionKey == "" {
		cfg.EncryptionKey = DefaultEncryptionKey
	}
	if cfg.PageSize == 0 {
		cfg.PageSize = 100
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.Versions) == 0 {
		cfg.Versions = []VersionSpec{{}}
	}
	s := &Server{cfg: cfg, calls: map[string]int{}}
	for _, spec := range cfg.Versions {
		if _, err := s.AddVersion(spec); err != nil {
			return nil, err
		}
	}
	s.pipe = bufconn.Listen(1 << 20)
	// Close must not return while a handler still runs: tests look for goroutines left.
	s.grpc = grpc.NewServer(grpc.WaitForHandlers(true))
	s.Register(s.grpc)
	return s, nil
}

// Key is the resource name of the signing key it holds.
func (s *Server) Key() string { return s.cfg.Key }

// EncryptionKey is the resource name of the symmetric key it holds.
func (s *Server) EncryptionKey() string { return s.cfg.EncryptionKey }

// Register adds the service to a gRPC server of the caller's own.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	kmspb.RegisterKeyManagementServiceServer(r, s)
}

// Serve answers on l without TLS until [Server.Close], then returns nil.
func (s *Server) Serve(l net.Listener) error {
	err := s.grpc.Serve(l)
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// ClientOptions makes kms.NewKeyManagementClient talk to this server inside the
// process, without a port, credentials or TLS. Each client dials for itself and is
// its maker's to close.
func (s *Server) ClientOptions() []option.ClientOption {
	s.start.Do(func() {
		s.done.Go(func() { _ = s.Serve(s.pipe) })
	})
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return s.pipe.DialContext(ctx) }
	return []option.ClientOption{
		// passthrough: the name is for the dialer above, not for DNS.
		option.WithEndpoint("passthrough:///fakekms"),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithContextDialer(dial)),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// Close ends all serving, cuts calls short, and waits for what it started. It
// may be called more than once.
func (s *Server) Close() {
	s.grpc.Stop()
	_ = s.pipe.Close()
	s.done.Wait()
}

// VersionSpec describes a key version to create. The zero value is an enabled
// RSA-4096 version created now.
type VersionSpec struct {
	// Key is the private key. Nil: [SharedKey] of the version's number less one.
	Key *rsa.PrivateKey
	// Sign, when set, signs a SHA-256 digest in place of Key, of which only the public
	// half counts then: [rsa.SignPKCS1v15] with 4,096 bits takes 6 ms.
	Sign func(digest []byte) ([]byte, error)
	// CreatedAt is its create_time. Zero: now.
	CreatedAt time.Time
	// GeneratedAt is its generate_time. Zero: CreatedAt.
	GeneratedAt time.Time
	// State is ENABLED if unset.
	State kmspb.CryptoKeyVersion_CryptoKeyVersionState
	// Algorithm is RSA_SIGN_PKCS1_4096_SHA256 if unset. Others are listed but
	// cannot sign here.
	Algorithm kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm
}

// AddVersion creates the next version of the key and returns its resource name.
func (s *Server) AddVersion(spec VersionSpec) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.complete(spec, len(s.versions)+1)
	if err != nil {
		return "", err
	}
	s.versions = append(s.versions, v)
	return v.name, nil
}

// SetState moves a version, named by its resource name, to another state: the
// operator's enable, disable and destroy.
func (s *Server) SetState(name string, state kmspb.CryptoKeyVersion_CryptoKeyVersionState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.find(name)
	if v == nil {
		return fmt.Errorf("fakekms: no version %q", name)
	}
	v.state = state
	return nil
}
