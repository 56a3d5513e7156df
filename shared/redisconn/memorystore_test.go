package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/memorystore/apiv1/memorystorepb"
	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakememorystore"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// tokens is a token provider whose token a test changes.
type tokens struct {
	mu    sync.Mutex
	value string
	err   error
}

func (p *tokens) Token(context.Context) (*auth.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &auth.Token{Value: p.value}, p.err
}

func (p *tokens) set(value string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value, p.err = value, err
}

func connection(kind memorystorepb.ConnectionType, ip string, port int) *memorystorepb.Instance_ConnectionDetail {
	return &memorystorepb.Instance_ConnectionDetail{Connection: &memorystorepb.Instance_ConnectionDetail_PscAutoConnection{
		PscAutoConnection: &memorystorepb.PscAutoConnection{
			IpAddress: ip, ConnectionType: kind, PscConnectionStatus: memorystorepb.PscConnectionStatus_ACTIVE,
			Ports: &memorystorepb.PscAutoConnection_Port{Port: int32(port)},
		},
	}}
}

const (
	primary   = memorystorepb.ConnectionType_CONNECTION_TYPE_PRIMARY
	reader    = memorystorepb.ConnectionType_CONNECTION_TYPE_READER
	discovery = memorystorepb.ConnectionType_CONNECTION_TYPE_DISCOVERY
)

// instanceAt is a plain instance, cluster mode disabled, at that address.
// Its reader endpoint leads nowhere.
func instanceAt(ip string, port int) *memorystorepb.Instance {
	return &memorystorepb.Instance{
		Name: anInstance, State: memorystorepb.Instance_ACTIVE, Mode: memorystorepb.Instance_CLUSTER_DISABLED,
		AuthorizationMode:     memorystorepb.Instance_AUTH_DISABLED,
		TransitEncryptionMode: memorystorepb.Instance_TRANSIT_ENCRYPTION_DISABLED,
		Endpoints: []*memorystorepb.Instance_InstanceEndpoint{{Connections: []*memorystorepb.Instance_ConnectionDetail{
			connection(reader, "192.0.2.8", 6379), connection(primary, ip, port),
		}}},
	}
}

// addDeprecatedEndpoints fills the fields that were used before endpoints.
// They are named in JSON because linters refuse them in Go.
func addDeprecatedEndpoints(t *testing.T, instance *memorystorepb.Instance) {
	t.Helper()
	old := &memorystorepb.Instance{}
	err := protojson.Unmarshal([]byte(`{
		"discoveryEndpoints": [{"address": "192.0.2.9", "port": 6379}],
		"pscAutoConnections": [{"ipAddress": "192.0.2.9", "port": 6379, "connectionType": "CONNECTION_TYPE_PRIMARY"}]
	}`), old)
	if err != nil {
		t.Fatal(err)
	}
	proto.Merge(instance, old)
}

func startFake(t *testing.T) *fakememorystore.Server {
	t.Helper()
	fake := fakememorystore.Start()
	t.Cleanup(fake.Close)
	return fake
}

func withFake(fake *fakememorystore.Server) Option { return WithClientOptions(fake.ClientOptions()...) }

func split(t *testing.T, address string) (string, int) {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func TestDiscoverAnInstanceWithoutClusterMode(t *testing.T) {
	fake := startFake(t)
	fake.PutInstance(instanceAt(split(t, servers.SharedRedis(t))))
	for range 2 { // Dial leaves the options fit for another client
		client := dial(t, Config{Instance: anInstance}, withFake(fake))
		if _, single := client.(*redis.Client); !single {
			t.Errorf("client is %T", client)
		}
		if err := Verify(t.Context(), client); err != nil {
			t.Error(err)
		}
	}
}

func TestDiscoverACluster(t *testing.T) {
	ip, port := split(t, servers.RedisCluster(t)[2])
	instance := instanceAt("192.0.2.7", 6379)
	instance.Mode = memorystorepb.Instance_CLUSTER
	instance.Endpoints[0].Connections = append(instance.Endpoints[0].Connections, connection(discovery, ip, port))
	fake := startFake(t)
	fake.PutInstance(instance)
	client := dial(t, Config{Instance: anInstance}, withFake(fake))
	if _, cluster := client.(*redis.ClusterClient); !cluster {
		t.Errorf("client is %T", client)
	}
	if err := Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
}

// iamInstance is a TLS redis-server that takes that token as its password,
// behind an instance with IAM authentication.
func iamInstance(t *testing.T, fake *fakememorystore.Server, token string) *servers.RedisServer {
	t.Helper()
	ca := newAuthority(t)
	server, port := tlsRedis(t, ca, "127.0.0.1", "--requirepass", token)
	instance := instanceAt("127.0.0.1", port)
	instance.AuthorizationMode = memorystorepb.Instance_IAM_AUTH
	instance.TransitEncryptionMode = memorystorepb.Instance_SERVER_AUTHENTICATION
	fake.PutInstance(instance)
	// The old CA, and the next one beside it: every certificate counts.
	fake.PutCertificateAuthority(anInstance, []string{newAuthority(t).pem}, []string{newAuthority(t).pem, ca.pem})
	return server
}

func TestIAMTokensAreFetchedForEveryNewConnection(t *testing.T) {
	fake, provider := startFake(t), &tokens{value: "token-1"}
	server := iamInstance(t, fake, "token-1")
	client := dial(t, Config{Instance: anInstance}, withFake(fake), WithTokens(provider))
	if err := Verify(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	admin := dial(t, Config{Addr: server.Addr(), Password: "token-1"})
	rotate := func(token string) {
		t.Helper()
		ctx := t.Context()
		if err := errors.Join(
			admin.ConfigSet(ctx, "requirepass", token).Err(),
			admin.Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(),
		); err != nil {
			t.Fatal(err)
		}
	}
	provider.set("token-2", nil)
	rotate("token-2")
	if err := Verify(t.Context(), client); err != nil {
		t.Errorf("with the rotated token: %v", err)
	}
	rotate("token-3")
	err := Verify(t.Context(), client)
	wantUnavailable(t, err)
	if strings.Contains(err.Error(), "token-") {
		t.Errorf("the error shows a token: %v", err)
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	fake, provider := startFake(t), &tokens{}
	iamInstance(t, fake, "token-1")
	client := dial(t, Config{Instance: anInstance}, withFake(fake), WithTokens(provider))
	err := Verify(t.Context(), client)
	wantUnavailable(t, err)
	if !strings.Contains(err.Error(), "empty") {
		t.Errorf("error = %v: the server was asked without a token", err)
	}
	broken := errors.New("metadata server is away")
	provider.set("", broken)
	err = Verify(t.Context(), client)
	wantUnavailable(t, err)
	if !errors.Is(err, broken) {
		t.Errorf("error = %v does not say why", err)
	}
}

func TestTheSharedCAOfTheLocation(t *testing.T) {
	fake, ca := startFake(t), newAuthority(t)
	_, port := tlsRedis(t, ca, "127.0.0.1")
	instance := instanceAt("127.0.0.1", port)
	instance.TransitEncryptionMode = memorystorepb.Instance_SERVER_AUTHENTICATION
	instance.ServerCaMode = memorystorepb.Instance_GOOGLE_MANAGED_SHARED_CA.Enum()
	fake.PutInstance(instance)
	fake.PutSharedCertificateAuthority("projects/acme-prod/locations/europe-west1", []string{ca.pem})
	if err := Verify(t.Context(), dial(t, Config{Instance: anInstance}, withFake(fake))); err != nil {
		t.Error(err)
	}
}

// TestClusterNodesMustShowTheEndpointsCertificate: nodes have addresses of
// their own, which no server of the tests can have.
func TestClusterNodesMustShowTheEndpointsCertificate(t *testing.T) {
	fake := startFake(t)
	instance := instanceAt("192.0.2.7", 6379)
	instance.Mode = memorystorepb.Instance_CLUSTER
	instance.TransitEncryptionMode = memorystorepb.Instance_SERVER_AUTHENTICATION
	instance.Endpoints[0].Connections = append(instance.Endpoints[0].Connections, connection(discovery, "192.0.2.5", 6379))
	fake.PutInstance(instance)
	fake.PutCertificateAuthority(anInstance, []string{newAuthority(t).pem})
	client, ok := dial(t, Config{Instance: anInstance}, withFake(fake)).(*redis.ClusterClient)
	if !ok {
		t.Fatal("not a cluster client")
	}
	if config := client.Options().TLSConfig; config.ServerName != "192.0.2.5" || config.MinVersion != tls.VersionTLS12 {
		t.Errorf("server name %q, minimum version %x", config.ServerName, config.MinVersion)
	}
}

func TestAServerOfAnotherInstanceIsRefused(t *testing.T) {
	fake := startFake(t)
	iamInstance(t, fake, "token-1")
	fake.PutCertificateAuthority(anInstance, []string{newAuthority(t).pem})
	client := dial(t, Config{Instance: anInstance}, withFake(fake), WithTokens(&tokens{value: "token-1"}))
	wantUnavailable(t, Verify(t.Context(), client))
}

func TestLocate(t *testing.T) {
	edit := func(change func(*memorystorepb.Instance)) *memorystorepb.Instance {
		instance := instanceAt("10.0.0.5", 6380)
		change(instance)
		return instance
	}
	first := func(i *memorystorepb.Instance) *memorystorepb.PscAutoConnection {
		return i.Endpoints[0].Connections[1].GetPscAutoConnection()
	}
	for _, c := range []struct {
		name      string
		instance  *memorystorepb.Instance
		want      string // address
		wantError string
		transient bool
	}{
		{name: "active", instance: instanceAt("10.0.0.5", 6380), want: "10.0.0.5:6380"},
		{name: "IPv6", instance: instanceAt("fd00::5", 6379), want: "[fd00::5]:6379"},
		{name: "default port", instance: instanceAt("10.0.0.5", 0), want: "10.0.0.5:6379"},
		{
			name: "updating", want: "10.0.0.5:6380",
			instance: edit(func(i *memorystorepb.Instance) { i.State = memorystorepb.Instance_UPDATING }),
		},
		{
			name: "the same address twice", want: "10.0.0.5:6380",
			instance: edit(func(i *memorystorepb.Instance) { i.Endpoints = append(i.Endpoints, i.Endpoints[0]) }),
		},
		{
			name: "creating", wantError: "is CREATING: wait", transient: true,
			instance: edit(func(i *memorystorepb.Instance) { i.State = memorystorepb.Instance_CREATING }),
		},
		{
			name: "deleting", wantError: "is DELETING", transient: true,
			instance: edit(func(i *memorystorepb.Instance) { i.State = memorystorepb.Instance_DELETING }),
		},
		{
			name: "no state", wantError: "is STATE_UNSPECIFIED", transient: true,
			instance: edit(func(i *memorystorepb.Instance) { i.State = 0 }),
		},
		{
			name: "unknown mode", wantError: "unknown mode",
			instance: edit(func(i *memorystorepb.Instance) { i.Mode = 0 }),
		},
		{
			name: "no endpoints but deprecated ones", wantError: "service connection policy", transient: true,
			instance: edit(func(i *memorystorepb.Instance) {
				i.Endpoints = nil
				addDeprecatedEndpoints(t, i)
			}),
		},
		{
			name: "a reader only", wantError: "no CONNECTION_TYPE_PRIMARY endpoint", transient: true,
			instance: edit(func(i *memorystorepb.Instance) { first(i).ConnectionType = reader }),
		},
		{
			name: "a primary where discovery is needed", wantError: "no CONNECTION_TYPE_DISCOVERY endpoint", transient: true,
			instance: edit(func(i *memorystorepb.Instance) { i.Mode = memorystorepb.Instance_CLUSTER }),
		},
		{
			name: "a connection that is gone", wantError: "no CONNECTION_TYPE_PRIMARY endpoint", transient: true,
			instance: edit(func(i *memorystorepb.Instance) {
				first(i).PscConnectionStatus = memorystorepb.PscConnectionStatus_NOT_FOUND
			}),
		},
		{
			name: "no IP address yet", wantError: "no CONNECTION_TYPE_PRIMARY endpoint", transient: true,
			instance: edit(func(i *memorystorepb.Instance) { first(i).IpAddress = "" }),
		},
		{
			name: "endpoints in two networks", wantError: "set REDIS_ADDR",
			instance: edit(func(i *memorystorepb.Instance) {
				i.Endpoints = append(i.Endpoints, instanceAt("10.9.9.9", 6379).Endpoints...)
			}),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := locate(c.instance)
			if c.wantError == "" {
				if err != nil || len(got.addresses) != 1 || got.addresses[0] != c.want {
					t.Fatalf("addresses %v, error %v, want %s", got.addresses, err, c.want)
				}
				return
			}
			wantRefusal(t, err, c.wantError, c.transient)
		})
	}
}

// wantRefusal checks the words, and that only states that pass are typed as
// unavailable: a client may retry those.
func wantRefusal(t *testing.T, err error, words string, transient bool) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Fatalf("error = %v, want …%s…", err, words)
	}
	var unavailable *license.UnavailableError
	if errors.As(err, &unavailable) != transient {
		t.Errorf("error %v is %T; transient: %t", err, err, transient)
	}
}

func TestDialRefusesWhatItCannotTrust(t *testing.T) {
	encrypted := instanceAt("127.0.0.1", 1)
	encrypted.TransitEncryptionMode = memorystorepb.Instance_SERVER_AUTHENTICATION
	good := newAuthority(t).pem
	change := func(edit func(*memorystorepb.Instance)) *memorystorepb.Instance {
		instance := proto.CloneOf(encrypted)
		edit(instance)
		return instance
	}
	iam := func(i *memorystorepb.Instance) { i.AuthorizationMode = memorystorepb.Instance_IAM_AUTH }
	tokenAuth := func(i *memorystorepb.Instance) { i.AuthorizationMode = memorystorepb.Instance_TOKEN_AUTH }
	for _, c := range []struct {
		name     string
		instance *memorystorepb.Instance
		chain    []string
		want     string
	}{
		{"CA that is not PEM", encrypted, []string{good, "nonsense"}, "not valid PEM"},
		{"CA without certificates", encrypted, []string{}, "has no CA certificate"},
		{
			"unknown encryption",
			change(func(i *memorystorepb.Instance) { i.TransitEncryptionMode = 0 }),
			nil, "unknown transit encryption mode",
		},
		{
			"unknown authorization",
			change(func(i *memorystorepb.Instance) { i.AuthorizationMode = 0 }),
			[]string{good},
			"which is not used here",
		},
		{"a password of its own", change(tokenAuth), []string{good}, "has the authorization mode TOKEN_AUTH, which is not used here"},
		{
			"access tokens in the clear",
			change(func(i *memorystorepb.Instance) {
				iam(i)
				i.TransitEncryptionMode = memorystorepb.Instance_TRANSIT_ENCRYPTION_DISABLED
			}), nil, "in the clear",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := startFake(t)
			fake.PutInstance(c.instance)
			fake.PutCertificateAuthority(anInstance, c.chain)
			_, err := Dial(t.Context(), Config{Instance: anInstance}, withFake(fake), WithTokens(&tokens{value: "token"}))
			wantRefusal(t, err, c.want, false)
		})
	}
}

func TestFailuresOfTheAdminAPI(t *testing.T) {
	fake := startFake(t)
	encrypted := instanceAt("127.0.0.1", 1)
	encrypted.TransitEncryptionMode = memorystorepb.Instance_SERVER_AUTHENTICATION
	refuse := func(name, words string) {
		t.Helper()
		_, err := Dial(t.Context(), Config{Instance: anInstance}, withFake(fake))
		t.Log(name)
		wantRefusal(t, err, words, true)
		wantRefusal(t, err, "roles/memorystore.viewer", true)
	}
	refuse("unknown instance", "NotFound")
	fake.PutInstance(encrypted)
	refuse("unknown CA", "NotFound")
	encrypted.ServerCaMode = memorystorepb.Instance_GOOGLE_MANAGED_SHARED_CA.Enum()
	fake.PutInstance(encrypted)
	refuse("unknown shared CA", "NotFound")
	fake.Fail(status.Error(codes.PermissionDenied, "no"))
	refuse("no permission", "PermissionDenied")
	fake.Fail(status.Error(codes.Internal, "oops"))
	refuse("a failing API", "Internal")
}

func TestTheContextBoundsDiscovery(t *testing.T) {
	fake := startFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, Config{Instance: anInstance}, withFake(fake)); err == nil {
		t.Error("discovered without time")
	}
}

func TestIAMWithoutCredentialsSaysWhatToDo(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/absent.json")
	fake := startFake(t)
	iamInstance(t, fake, "token-1")
	_, err := Dial(t.Context(), Config{Instance: anInstance}, withFake(fake))
	wantRefusal(t, err, "gcloud auth application-default login", false)
}
