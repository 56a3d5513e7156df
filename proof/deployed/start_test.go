package deployed

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/memorystore/apiv1/memorystorepb"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// TestLenientConfiguration: a target in any case, blanks around values, and what
// only some servers need: each starts, is ready, and grants a seat.
func TestLenientConfiguration(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ca := newAuthority(t)
	certificate, key := ca.files(t, "127.0.0.1")
	port := strconv.Itoa(servers.FreePort(t))
	servers.Redis(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no")
	pem := string(encode("CERTIFICATE", ca.cert.Raw))
	for i, tt := range []struct {
		name, target string
		changes      []string
	}{
		{"any case", "aCQUIRE", nil},
		{"blanks", " Acquire", []string{"GOOGLE_CLOUD_PROJECT= " + c.project + "\n", "REDIS_ADDR=" + c.redis.Addr() + "\n", "KMS_KEY=\t" + kmsKey + " "}},
		{"own CA", "Acquire", []string{"REDIS_ADDR=127.0.0.1:" + port, "REDIS_TLS=true", "REDIS_CA_PEM=" + pem}},
		{"own CA on one line", "Acquire", []string{"REDIS_ADDR=127.0.0.1:" + port, "REDIS_TLS=true", "REDIS_CA_PEM=" + strings.ReplaceAll(pem, "\n", `\n`)}},
		{"a cluster by one address", "Acquire", []string{"REDIS_ADDR=" + servers.RedisCluster(t)[1], "REDIS_CLUSTER=true"}},
	} {
		t.Log(tt.name)
		organization := "acme-" + strconv.Itoa(i)
		c.organization(organization, 1)
		p := c.start(tt.target, append(tt.changes, patient()...)...)
		ann := c.user(t, "ann", organization)
		p.awaitReadiness(t)
		ann.session(ann.acquire(p, "hardware-of-ann"), http.StatusCreated)
	}
}

// TestOutages: a backend that is away keeps no instance from starting, and its
// return needs no restart; a holder keeps its seat over the loss of Redis, and the
// vendor sees what was sold during it.
func TestOutages(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 1)
	c.redis.Kill()
	acquire, heartbeat, control := c.start("Acquire"), c.start("Heartbeat"), c.start("Control")
	ann, bob := c.user(t, "ann", "acme"), c.user(t, "bob", "acme")
	acquire.awaitReadiness(t, "redis")
	control.awaitReadiness(t, "redis")
	read[api.OrganizationList](t, must(call(ann.client, http.MethodGet, control.base+api.PathOrganizations, c.schedulerToken(doorAudience, seller), ""))(t), http.StatusOK)
	if r := ann.acquire(acquire, "hardware-of-ann"); r.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After with %d", r.status)
	} else {
		refused(t, r, api.Unavailable)
	}
	c.redis.Start()
	session := ann.session(ann.acquire(acquire, "hardware-of-ann"), http.StatusCreated)
	c.redis.Kill()
	refused(t, ann.heartbeat(heartbeat, session.SessionID, ""), api.Unavailable)
	c.redis.Start()
	refused(t, bob.acquire(acquire, "hardware-of-bob"), api.NoSeatsAvailable)
	ann.session(ann.heartbeat(heartbeat, session.SessionID, ""), http.StatusOK)
}

// TestMemorystore: the instance's name is all the program is told; address,
// certificate and IAM password it finds out.
func TestMemorystore(t *testing.T) {
	t.Parallel()
	const instance = "projects/p/locations/l/instances/seats"
	c := newCloud(t)
	c.organization("acme", 1)
	ca := newAuthority(t)
	certificate, key := ca.files(t, "127.0.0.1")
	port := servers.FreePort(t)
	servers.Redis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-auth-clients", "no", "--requirepass", accessToken)
	c.keep(accessToken)
	c.memorystore.PutInstance(memorystoreInstance(instance, int32(port)))
	c.memorystore.PutCertificateAuthority(instance, []string{string(encode("CERTIFICATE", ca.cert.Raw))})
	p := c.start("Acquire", "REDIS_ADDR=", "MEMORYSTORE_INSTANCE="+instance)
	ann := c.user(t, "ann", "acme")
	p.awaitReadiness(t)
	ann.session(ann.acquire(p, "hardware-of-ann"), http.StatusCreated)
}

func memorystoreInstance(name string, port int32) *memorystorepb.Instance {
	return &memorystorepb.Instance{
		Name: name, State: memorystorepb.Instance_ACTIVE, Mode: memorystorepb.Instance_CLUSTER_DISABLED,
		AuthorizationMode:     memorystorepb.Instance_IAM_AUTH,
		TransitEncryptionMode: memorystorepb.Instance_SERVER_AUTHENTICATION,
		Endpoints: []*memorystorepb.Instance_InstanceEndpoint{{
			Connections: []*memorystorepb.Instance_ConnectionDetail{{
				Connection: &memorystorepb.Instance_ConnectionDetail_PscAutoConnection{PscAutoConnection: &memorystorepb.PscAutoConnection{
					IpAddress: "127.0.0.1", Ports: &memorystorepb.PscAutoConnection_Port{Port: port},
					ConnectionType: memorystorepb.ConnectionType_CONNECTION_TYPE_PRIMARY,
				}},
			}},
		}},
	}
}
