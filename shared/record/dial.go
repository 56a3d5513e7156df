package record

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Target says which database [Dial] opens.
type Target struct {
	// ProjectID is the Google Cloud project; any name for the emulator.
	ProjectID string
	// DatabaseID is the database's name; empty is "(default)".
	DatabaseID string
	// Emulator is the address (host:port) of the official Firestore emulator,
	// without TLS or credentials; empty is the real service.
	Emulator string
}

// Dial makes a Firestore client with [WatchCommits] in its connection. It
// connects at the first call. Options are the client library's own, for the
// real service, such as credentials or further interceptors; the emulator takes
// none of them.
func Dial(ctx context.Context, target Target, options ...option.ClientOption) (*firestore.Client, error) {
	// First, and so outermost: what other interceptors do is part of an attempt.
	watch := option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(WatchCommits))
	options = append([]option.ClientOption{watch}, options...)
	var conn *grpc.ClientConn
	if target.Emulator != "" {
		var err error
		if conn, err = dialEmulator(target.Emulator); err != nil {
			return nil, err
		}
		options = []option.ClientOption{option.WithGRPCConn(conn)}
	}
	client, err := newClient(ctx, target, options)
	if err != nil {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		return nil, fmt.Errorf("firestore client: %w", err)
	}
	return client, nil
}

func newClient(ctx context.Context, target Target, options []option.ClientOption) (*firestore.Client, error) {
	if target.DatabaseID == "" {
		return firestore.NewClient(ctx, target.ProjectID, options...)
	}
	return firestore.NewClientWithDatabase(ctx, target.ProjectID, target.DatabaseID, options...)
}

// dialEmulator connects to the emulator as its owner, whom no security rules
// bind, like the service accounts of the real service. The client library would
// do the same for FIRESTORE_EMULATOR_HOST, but then takes no interceptor.
func dialEmulator(addr string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(emulatorOwner{}),
		grpc.WithChainUnaryInterceptor(WatchCommits),
	}, options...)...)
}

// emulatorOwner is the emulator's fixed password for its administrator.
type emulatorOwner struct{}

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (emulatorOwner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials]: the
// emulator speaks no TLS.
func (emulatorOwner) RequireTransportSecurity() bool { return false }
