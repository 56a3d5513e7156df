package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// masters is the smallest number of masters a Redis Cluster works with.
const masters = 3

// slots is the number of hash slots of every Redis Cluster
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
const slots = 16384

// RedisCluster returns the addresses of a Redis Cluster of three masters that
// all tests of this process share, under the same terms as [SharedRedis].
func RedisCluster(t testing.TB) []string {
	t.Helper()
	requireRedis(t)
	addresses, err := shared.get("redis-cluster", startCluster)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(addresses)
}

func startCluster() ([]string, func() error, error) {
	dir, err := os.MkdirTemp("", "redis-cluster-*")
	if err != nil {
		return nil, nil, err
	}
	nodes, err := StartCluster(context.Background(), dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	addresses := make([]string, 0, masters)
	for _, node := range nodes {
		addresses = append(addresses, node.Addr())
	}
	stop := func() error { return errors.Join(killAll(nodes), os.RemoveAll(dir)) }
	return addresses, stop, nil
}

// StartCluster starts a Redis Cluster of three masters, whose files are below
// dir. announce are the ports under which clients are told to find the nodes,
// for example a proxy's; none: their own.
func StartCluster(ctx context.Context, dir string, announce ...int) ([]*RedisProcess, error) {
	var nodes []clusterNode
	var processes []*RedisProcess
	for i := range masters {
		var args []string
		if i < len(announce) {
			args = []string{"--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", strconv.Itoa(announce[i])}
		}
		node, err := newClusterNode(filepath.Join(dir, strconv.Itoa(i)), args...)
		if err != nil {
			return nil, errors.Join(err, killAll(processes))
		}
		nodes, processes = append(nodes, node), append(processes, node.RedisProcess)
	}
	if err := formCluster(ctx, nodes); err != nil {
		return nil, errors.Join(err, killAll(processes))
	}
	return processes, nil
}

func killAll(processes []*RedisProcess) error {
	var errs []error
	for _, p := range processes {
		errs = append(errs, p.Kill())
	}
	return errors.Join(errs...)
}

// clusterNode is a server with the port on which it talks to the others. By
// default that is port + 10000; chosen freely it cannot collide unseen.
type clusterNode struct {
	*RedisProcess
	busPort int
}

func newClusterNode(dir string, args ...string) (clusterNode, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return clusterNode{}, err
	}
	busPort, err := FindPort()
	if err != nil {
		return clusterNode{}, err
	}
	server, err := StartRedis(dir, append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(busPort))...)
	return clusterNode{RedisProcess: server, busPort: busPort}, err
}

// formCluster gives each node its share of the slots, introduces the others to
// the first, and waits until each of them sees the whole cluster working.
func formCluster(ctx context.Context, nodes []clusterNode) error {
	for i, node := range nodes {
		if err := joinCluster(ctx, node, i, nodes[0]); err != nil {
			return fmt.Errorf("cluster node %s: %w", node.Addr(), err)
		}
	}
	for _, node := range nodes {
		if err := waitClustered(ctx, node); err != nil {
			return fmt.Errorf("cluster node %s: %w; it wrote:\n%s", node.Addr(), err, node.Output())
		}
	}
	return nil
}

func joinCluster(ctx context.Context, node clusterNode, i int, first clusterNode) error {
	client := adminClient(node.Addr())
	defer func() { _ = client.Close() }()
	err := errors.Join(
		client.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err(),
		// With equal epochs the nodes would first have to agree on a winner, which
		// takes time.
		client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(),
	)
	if i == 0 {
		return err
	}
	return errors.Join(err, client.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", first.port, first.busPort).Err())
}

// WaitClustered waits until the node sees the whole cluster working, for example
// after it was started again.
func WaitClustered(ctx context.Context, node *RedisProcess) error {
	return waitClustered(ctx, clusterNode{RedisProcess: node})
}

func waitClustered(ctx context.Context, node clusterNode) error {
	client := adminClient(node.Addr())
	defer func() { _ = client.Close() }()
	return waitFor(node.proc.Exited(), func() bool { return seesWholeCluster(ctx, client) })
}

func seesWholeCluster(ctx context.Context, client *redis.Client) bool {
	info, err := client.ClusterInfo(ctx).Result()
	return err == nil &&
		strings.Contains(info, "cluster_state:ok") &&
		strings.Contains(info, "cluster_slots_ok:"+strconv.Itoa(slots)) &&
		strings.Contains(info, "cluster_size:"+strconv.Itoa(masters))
}
