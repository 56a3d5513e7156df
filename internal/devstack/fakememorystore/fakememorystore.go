// Package fakememorystore stands in for the Memorystore for Valkey admin API:
// an in-process gRPC server behind the real client library. It answers only
// what connecting to an instance needs; everything else is Unimplemented.
package fakememorystore

import (
	"context"
	"net"
	"sync"

	"cloud.google.com/go/memorystore/apiv1/memorystorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
)

// bufferSize is the in-memory connections' buffer in bytes.
const bufferSize = 64 << 10

// Server is the stand-in. Its methods are safe for concurrent use.
type Server struct {
	memorystorepb.UnimplementedMemorystoreServer

	listener *bufconn.Listener
	server   *grpc.Server
	served   chan struct{}

	mu        sync.Mutex
	err       error
	instances map[string]*memorystorepb.Instance
	cas       map[string]*memorystorepb.CertificateAuthority
	shared    map[string]*memorystorepb.SharedRegionalCertificateAuthority
}

// Start returns a running server that knows no instances yet. Close ends it.
func Start() *Server {
	s := &Server{
		listener:  bufconn.Listen(bufferSize),
		server:    grpc.NewServer(),
		served:    make(chan struct{}),
		instances: map[string]*memorystorepb.Instance{},
		cas:       map[string]*memorystorepb.CertificateAuthority{},
		shared:    map[string]*memorystorepb.SharedRegionalCertificateAuthority{},
	}
	memorystorepb.RegisterMemorystoreServer(s.server, s)
	go func() {
		defer close(s.served)
		_ = s.server.Serve(s.listener) // ends with Close
	}()
	return s
}

// Close ends the server and returns when it has.
func (s *Server) Close() {
	s.server.Stop()
	<-s.served
}

// ClientOptions makes the real client library talk to this server, for any
// number of clients.
func (s *Server) ClientOptions() []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint("passthrough:///memorystore.invalid"),
		option.WithoutAuthentication(),
		// Without these credentials the client tries TLS and hangs to its deadline.
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return s.listener.DialContext(ctx)
		})),
	}
}

// PutInstance creates or replaces the instance of that name.
func (s *Server) PutInstance(instance *memorystorepb.Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[instance.GetName()] = proto.CloneOf(instance)
}

// PutCertificateAuthority sets an instance's own CA: one chain per argument,
// each a list of PEM certificates from leaf to root.
func (s *Server) PutCertificateAuthority(instance string, chains ...[]string) {
	managed := &memorystorepb.CertificateAuthority_ManagedCertificateAuthority{}
	for _, chain := range chains {
		managed.CaCerts = append(managed.CaCerts,
			&memorystorepb.CertificateAuthority_ManagedCertificateAuthority_CertChain{Certificates: chain})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := instance + "/certificateAuthority"
	s.cas[name] = &memorystorepb.CertificateAuthority{
		Name:     name,
		ServerCa: &memorystorepb.CertificateAuthority_ManagedServerCa{ManagedServerCa: managed},
	}
}

// PutSharedCertificateAuthority sets the CA that the instances of a location
// ("projects/…/locations/…") share, in the form of PutCertificateAuthority.
func (s *Server) PutSharedCertificateAuthority(location string, chains ...[]string) {
	managed := &memorystorepb.SharedRegionalCertificateAuthority_RegionalManagedCertificateAuthority{}
	for _, chain := range chains {
		managed.CaCerts = append(managed.CaCerts,
			&memorystorepb.SharedRegionalCertificateAuthority_RegionalManagedCertificateAuthority_RegionalCertChain{Certificates: chain})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := location + "/sharedRegionalCertificateAuthority"
	s.shared[name] = &memorystorepb.SharedRegionalCertificateAuthority{
		Name:     name,
		ServerCa: &memorystorepb.SharedRegionalCertificateAuthority_ManagedServerCa{ManagedServerCa: managed},
	}
}

// Fail makes every call answer this error (made with the grpc status package)
// until Fail(nil).
func (s *Server) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// GetInstance implements the admin API.
func (s *Server) GetInstance(
	_ context.Context, request *memorystorepb.GetInstanceRequest,
) (*memorystorepb.Instance, error) {
	return lookup(s, s.instances, request.GetName())
}

// GetCertificateAuthority implements the admin API.
func (s *Server) GetCertificateAuthority(
	_ context.Context, request *memorystorepb.GetCertificateAuthorityRequest,
) (*memorystorepb.CertificateAuthority, error) {
	return lookup(s, s.cas, request.GetName())
}

// GetSharedRegionalCertificateAuthority implements the admin API.
func (s *Server) GetSharedRegionalCertificateAuthority(
	_ context.Context, request *memorystorepb.GetSharedRegionalCertificateAuthorityRequest,
) (*memorystorepb.SharedRegionalCertificateAuthority, error) {
	return lookup(s, s.shared, request.GetName())
}

// lookup answers a copy: the caller marshals it after the lock is released.
func lookup[M proto.Message](s *Server, resources map[string]M, name string) (M, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none M
	if s.err != nil {
		return none, s.err
	}
	resource, found := resources[name]
	if !found {
		return none, status.Errorf(codes.NotFound, "resource %q was not found", name)
	}
	return proto.CloneOf(resource), nil
}
