package redisconn

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// MisconfiguredError says that a server answers and is not what the seat ledger
// needs. Time does not mend it: the server or our configuration must change.
type MisconfiguredError struct {
	// What is wrong, and the Remedy.
	What, Remedy string
}

// Error implements error.
func (e *MisconfiguredError) Error() string { return Backend + " " + e.What + ": " + e.Remedy }

// Verify checks that the server, or every master of a cluster, answers, accepts
// our credentials, and can keep a seat ledger: it evicts nothing, and it is a
// cluster exactly if it is used as one. The error is a [*MisconfiguredError], or a
// [*license.UnavailableError] if there is no answer to judge. The client's own
// timeouts bound it, and ctx.
func Verify(ctx context.Context, client redis.UniversalClient) error {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return verifyAlone(ctx, client)
	}
	return judged(cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		info, err := master.Info(ctx, "memory").Result()
		if err != nil {
			return err
		}
		return verifyMemory(info)
	}))
}

// verifyAlone asks a server that is used as the only one.
func verifyAlone(ctx context.Context, client redis.UniversalClient) error {
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return judged(err)
	}
	if err := verifyMemory(info); err != nil {
		return err
	}
	// An error is the usual answer: there is no cluster. A cluster of one node,
	// which has all slots, redirects no command.
	cluster, err := client.ClusterInfo(ctx).Result()
	if size := field(cluster, "cluster_size"); err == nil && size != "" && size != "1" {
		return &MisconfiguredError{"at REDIS_ADDR is one node of a cluster and is used as a single server", useCluster}
	}
	return nil
}

// useCluster is what helps when a server turns out to be a cluster's.
const useCluster = "set REDIS_CLUSTER=true, or name several of its nodes in REDIS_ADDR, separated by commas"

// verifyMemory reads INFO instead of CONFIG, which Memorystore does not have. A
// server that tells no policy is accepted.
func verifyMemory(info string) error {
	policy := field(info, "maxmemory_policy")
	if policy == "" || policy == "noeviction" {
		return nil
	}
	return &MisconfiguredError{
		"has maxmemory-policy " + policy + ", so it may throw out living seats to make room",
		"set maxmemory-policy noeviction on the server, and give it to nobody else as a cache",
	}
}

// field is the value of a line "name:value" of INFO or CLUSTER INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && key == name {
			return value
		}
	}
	return ""
}

// judged types an error of asking.
func judged(err error) error {
	if err == nil {
		return nil
	}
	if verdict, ok := errors.AsType[*MisconfiguredError](err); ok {
		return verdict
	}
	if strings.Contains(err.Error(), "cluster support disabled") { // Redis's own words
		return &MisconfiguredError{"is no cluster and is used as one", "unset REDIS_CLUSTER, and name its one address in REDIS_ADDR"}
	}
	return &license.UnavailableError{Backend: Backend, Err: err}
}
