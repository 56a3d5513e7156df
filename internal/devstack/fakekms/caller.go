package fakekms

import (
	"context"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// callerKey is the metadata in which a client of [Server.ClientOptionsAs] says who it is.
const callerKey = "x-caller"

// ClientOptionsAs are [Server.ClientOptions] of a client that says who it is, so
// that a hook of [Server.SetBefore] can play permissions: see [Caller].
func (s *Server) ClientOptionsAs(caller string) []option.ClientOption {
	name := func(
		ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		return invoke(metadata.AppendToOutgoingContext(ctx, callerKey, caller), method, req, reply, cc, opts...)
	}
	return append(s.ClientOptions(), option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(name)))
}

// Caller is who makes the call of this context, empty when it does not say.
func Caller(ctx context.Context) string {
	if names := metadata.ValueFromIncomingContext(ctx, callerKey); len(names) == 1 {
		return names[0]
	}
	return ""
}
