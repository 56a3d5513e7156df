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
	"time"

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
	nodes, err := StartCluster(context.Background(), dir, ClusterOptions{})
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

// ClusterOptions say what a Redis Cluster is made of. The zero value is three
// masters.
type ClusterOptions struct {
	// Replicas gives each master one. It is promoted only when told to (CLUSTER
	// FAILOVER): nodes do not judge each other by their clocks.
	Replicas bool
	// Announce are the ports under which clients are told to find the nodes, for
	// example a proxy's: the masters', then their replicas'. None: their own.
	Announce []int
	// Clocks, when set, give each node a clock of its own.
	Clocks *Clocks
	// Started, when set, is called once all nodes listen, and before they find each
	// other at the ports they announce.
	Started func([]*RedisProcess) error
}

// patientNodes keep a node that stands still, or whose clock was stepped, from
// being taken for dead.
var patientNodes = []string{"--cluster-node-timeout", patience, "--cluster-replica-no-failover", "yes"} //nolint:gochecknoglobals // a constant

// patience is that node timeout, in milliseconds.
const patience = "3600000"

// StartCluster starts a Redis Cluster of three masters, whose files are below
// dir: the masters in the order of their slots, then the replicas in the order of
// their masters.
func StartCluster(ctx context.Context, dir string, o ClusterOptions) ([]*RedisProcess, error) {
	count := masters
	if o.Replicas {
		count *= 2
	}
	var nodes []clusterNode
	var processes []*RedisProcess
	for i := range count {
		node, err := newClusterNode(filepath.Join(dir, strconv.Itoa(i)), o.Clocks, o.args(i)...)
		if err != nil {
			return nil, errors.Join(err, killAll(processes))
		}
		nodes, processes = append(nodes, node), append(processes, node.RedisProcess)
	}
	if o.Started != nil {
		if err := o.Started(processes); err != nil {
			return nil, errors.Join(err, killAll(processes))
		}
	}
	if err := formCluster(ctx, nodes); err != nil {
		return nil, errors.Join(err, killAll(processes))
	}
	return processes, nil
}

func (o ClusterOptions) args(node int) []string {
	var args []string
	if o.Replicas {
		args = append(args, patientNodes...)
	}
	if node < len(o.Announce) {
		args = append(args, "--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", strconv.Itoa(o.Announce[node]))
	}
	return args
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

func newClusterNode(dir string, clocks *Clocks, args ...string) (clusterNode, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return clusterNode{}, err
	}
	busPort, err := FindPort()
	if err != nil {
		return clusterNode{}, err
	}
	server, err := clocks.StartRedis(dir, append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(busPort))...)
	return clusterNode{RedisProcess: server, busPort: busPort}, err
}

// formCluster gives each master its share of the slots, introduces the others to
// the first, waits until each of them sees the whole cluster working, and lets
// the replicas follow their masters.
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
	for i, replica := range nodes[masters:] {
		if err := replica.FollowInCluster(ctx, nodes[i].RedisProcess); err != nil {
			return fmt.Errorf("cluster node %s: %w; it wrote:\n%s", replica.Addr(), err, replica.Output())
		}
	}
	return nil
}

func joinCluster(ctx context.Context, node clusterNode, i int, first clusterNode) error {
	client := adminClient(node.Addr())
	defer func() { _ = client.Close() }()
	var err error
	if i < masters {
		err = client.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err()
	}
	// With equal epochs the nodes would first have to agree on a winner, which
	// takes time.
	err = errors.Join(err, client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
	if i == 0 {
		return err
	}
	return errors.Join(err, client.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", first.port, first.busPort).Err())
}

// NodeID is the name of a node of a cluster.
func (r *RedisProcess) NodeID(ctx context.Context) (string, error) {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	return client.Do(ctx, "CLUSTER", "MYID").Text()
}

// FollowInCluster makes a node of a cluster the replica of a master, and waits
// until it has the other's data. It must have heard of the master before, which
// takes the cluster a moment.
func (r *RedisProcess) FollowInCluster(ctx context.Context, master *RedisProcess) error {
	id, err := master.NodeID(ctx)
	if err != nil {
		return err
	}
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	var refusal error
	err = waitFor(r.proc.Exited(), func() bool {
		refusal = client.Do(ctx, "CLUSTER", "REPLICATE", id).Err()
		return refusal == nil
	})
	if err != nil {
		return errors.Join(err, refusal)
	}
	return r.WaitReplicated(ctx)
}

// Succession is how a replica takes its master's slots over.
type Succession string

// The ways.
const (
	// Handover is what the cluster agrees on: the master waits until the replica has
	// everything, so that nothing is lost.
	Handover Succession = "HANDOVER"
	// Takeover asks nobody, and takes what the replica has.
	Takeover Succession = "TAKEOVER"
)

// handoverLimit is above the 5 s that a cluster gives a handover; a new request
// before that would begin it anew.
const handoverLimit = 6 * time.Second

// handoverTries is how often a handover is asked for.
const handoverTries = 6

// ErrNotAgreed says that the cluster agreed on no handover. A master that voted while
// its clock was an hour ahead votes again when that hour has come.
var ErrNotAgreed = errors.New("the cluster does not agree on the handover")

// Succeed makes a replica in a cluster the master of its master's slots.
// [ErrNotAgreed] leaves the roles as they were.
func (r *RedisProcess) Succeed(ctx context.Context, how Succession) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	command := []any{"CLUSTER", "FAILOVER"}
	if how == Takeover {
		command = append(command, "TAKEOVER")
	}
	defer func() { _ = setNodeTimeout(ctx, client, true) }()
	var asked time.Time
	var refusal error
	tries, agreed := 0, false
	err := waitFor(r.proc.Exited(), func() bool {
		if time.Since(asked) > handoverLimit || refusal != nil {
			if tries == handoverTries && how == Handover {
				return true
			}
			refusal, asked = errors.Join(setNodeTimeout(ctx, client, tries == 0), client.Do(ctx, command...).Err()), time.Now()
			if refusal == nil {
				tries++
			}
		}
		info, err := client.Info(ctx, "replication").Result()
		agreed = err == nil && strings.Contains(info, "role:master")
		return agreed || ctx.Err() != nil
	})
	switch {
	case err != nil:
		return errors.Join(err, refusal)
	case ctx.Err() != nil:
		return ctx.Err()
	case !agreed:
		return fmt.Errorf("%w; the replica wrote:\n%s", ErrNotAgreed, r.Output())
	default:
		return nil
	}
}

// setNodeTimeout makes a replica patient, as it is usually, or not while it asks for a
// handover again: it asks for votes once in four node timeouts, and would ask nobody.
func setNodeTimeout(ctx context.Context, replica *redis.Client, patient bool) error {
	timeout := patience
	if !patient {
		timeout = "1000"
	}
	return replica.ConfigSet(ctx, "cluster-node-timeout", timeout).Err()
}

// WaitDemoted waits until a former master has heard of its successor.
func (r *RedisProcess) WaitDemoted(ctx context.Context) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	return waitFor(r.proc.Exited(), func() bool {
		info, err := client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "role:slave") || ctx.Err() != nil
	})
}

// WaitClustered waits until the node sees the whole cluster working, for example
// after it was started again.
func WaitClustered(ctx context.Context, node *RedisProcess) error {
	return waitClustered(ctx, clusterNode{RedisProcess: node})
}

func waitClustered(ctx context.Context, node clusterNode) error {
	client := adminClient(node.Addr())
	defer func() { _ = client.Close() }()
	info := ""
	err := waitFor(node.proc.Exited(), func() bool {
		var err error
		info, err = client.ClusterInfo(ctx).Result()
		return err == nil && isWholeCluster(info)
	})
	if err != nil {
		return fmt.Errorf("%s does not see the whole cluster: %w; it said last:\n%s", node.Addr(), err, info)
	}
	return nil
}

func isWholeCluster(info string) bool {
	return strings.Contains(info, "cluster_state:ok") &&
		strings.Contains(info, "cluster_slots_ok:"+strconv.Itoa(slots)) &&
		strings.Contains(info, "cluster_size:"+strconv.Itoa(masters))
}
