package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/auth"
	gcpcredentials "cloud.google.com/go/auth/credentials"
	memorystore "cloud.google.com/go/memorystore/apiv1"
	"cloud.google.com/go/memorystore/apiv1/memorystorepb"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// discoveryTimeout bounds the conversation with the admin API, whose client
// would allow 60 s per call: longer than a start may take.
const discoveryTimeout = 10 * time.Second

// defaultPort is used when the API names no port.
const defaultPort = 6379

// cloudPlatformScope is what an access token needs for IAM authentication
// (https://docs.cloud.google.com/memorystore/docs/valkey/manage-iam-auth).
const cloudPlatformScope = "https://www.googleapis.com/auth/cloud-platform"

// iamUser is the user name that goes with an access token.
const iamUser = "default"

// discover asks the admin API how to reach the instance. Failures of the API
// and states that pass are *license.UnavailableError; what stays wrong until
// somebody changes the instance or the configuration is a plain error.
func (d *dialer) discover(ctx context.Context, cfg Config) (target, error) {
	if err := CheckInstance(cfg.Instance); err != nil {
		return target{}, fmt.Errorf("the instance of redis %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	client, err := memorystore.NewClient(ctx, d.clientOptions...)
	if err != nil {
		return target{}, apiFailed(cfg.Instance, err)
	}
	defer func() { _ = client.Close() }()
	instance, err := client.GetInstance(ctx, &memorystorepb.GetInstanceRequest{Name: cfg.Instance})
	if err != nil {
		return target{}, apiFailed(cfg.Instance, err)
	}
	found, err := locate(instance)
	if err != nil {
		return target{}, err
	}
	found.tls, err = discoverTLS(ctx, client, instance, found)
	if err != nil {
		return target{}, err
	}
	found.credentials, err = d.authorize(instance)
	return found, err
}

func apiFailed(instance string, err error) error {
	return &license.UnavailableError{Backend: Backend, Err: fmt.Errorf(
		"ask the Memorystore API about %s (the service account needs memorystore.instances.get, "+
			"for example by roles/memorystore.viewer): %w", instance, err)}
}

// locate reads the address and the mode from the instance. It is pure.
func locate(instance *memorystorepb.Instance) (target, error) {
	if !serving(instance.GetState()) {
		return target{}, &license.UnavailableError{Backend: Backend, Err: fmt.Errorf(
			"memorystore instance %s is %s: wait until it is ACTIVE", instance.GetName(), instance.GetState())}
	}
	var kind memorystorepb.ConnectionType
	switch instance.GetMode() {
	case memorystorepb.Instance_CLUSTER:
		kind = memorystorepb.ConnectionType_CONNECTION_TYPE_DISCOVERY
	case memorystorepb.Instance_CLUSTER_DISABLED:
		kind = memorystorepb.ConnectionType_CONNECTION_TYPE_PRIMARY
	default:
		return target{}, fmt.Errorf("memorystore instance %s has the unknown mode %s: set REDIS_ADDR instead",
			instance.GetName(), instance.GetMode())
	}
	address, err := endpoint(instance, kind)
	if err != nil {
		return target{}, err
	}
	return target{addresses: []string{address}, cluster: instance.GetMode() == memorystorepb.Instance_CLUSTER}, nil
}

// serving: an instance that is being updated (scaled, maintained) keeps
// serving, and functions must be able to start meanwhile.
func serving(state memorystorepb.Instance_State) bool {
	return state == memorystorepb.Instance_ACTIVE || state == memorystorepb.Instance_UPDATING
}

// endpoint picks the address of that kind among the automatically created
// Private Service Connect connections. The older fields discovery_endpoints
// and psc_auto_connections are deprecated and empty on new instances.
func endpoint(instance *memorystorepb.Instance, kind memorystorepb.ConnectionType) (string, error) {
	var addresses []string
	for _, group := range instance.GetEndpoints() {
		for _, connection := range group.GetConnections() {
			psc := connection.GetPscAutoConnection()
			if psc.GetConnectionType() != kind || psc.GetPscConnectionStatus() == memorystorepb.PscConnectionStatus_NOT_FOUND {
				continue
			}
			if ip, err := netip.ParseAddr(psc.GetIpAddress()); err == nil {
				addresses = append(addresses, hostPort(ip, psc.GetPort()))
			}
		}
	}
	slices.Sort(addresses)
	switch addresses = slices.Compact(addresses); len(addresses) {
	case 0:
		return "", &license.UnavailableError{Backend: Backend, Err: fmt.Errorf(
			"memorystore instance %s has no %s endpoint: create the service connection policy (gcp-memorystore) "+
				"of its network first, then the instance", instance.GetName(), kind)}
	case 1:
		return addresses[0], nil
	}
	return "", fmt.Errorf("memorystore instance %s has %d %s endpoints, in several networks: "+
		"set REDIS_ADDR to the one in this service's network", instance.GetName(), len(addresses), kind)
}

func hostPort(ip netip.Addr, port int32) string {
	if port == 0 {
		port = defaultPort
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(int(port)))
}

// discoverTLS returns how to verify the instance's servers, nil if it does not
// encrypt. Every node's certificate is issued for the instance's endpoint
// address, so that name is expected also of cluster nodes at other addresses.
func discoverTLS(
	ctx context.Context, client *memorystore.Client, instance *memorystorepb.Instance, at target,
) (*tls.Config, error) {
	switch instance.GetTransitEncryptionMode() {
	case memorystorepb.Instance_TRANSIT_ENCRYPTION_DISABLED:
		return nil, nil //nolint:nilnil // nil is crypto/tls's and go-redis's word for no encryption
	case memorystorepb.Instance_SERVER_AUTHENTICATION:
	default:
		return nil, fmt.Errorf("memorystore instance %s has the unknown transit encryption mode %s: set REDIS_ADDR instead",
			instance.GetName(), instance.GetTransitEncryptionMode())
	}
	pems, err := certificates(ctx, client, instance)
	if err != nil {
		return nil, apiFailed(instance.GetName(), err)
	}
	if len(pems) == 0 {
		return nil, fmt.Errorf("memorystore instance %s encrypts but has no CA certificate", instance.GetName())
	}
	roots, err := rootCAs(pems...)
	if err != nil {
		return nil, fmt.Errorf("memorystore instance %s: %w", instance.GetName(), err)
	}
	host, _, err := net.SplitHostPort(at.addresses[0])
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: host}, err
}

// certificates returns every PEM certificate of the instance's CA, also those
// of the next CA, which appear years before the old one ends
// (https://docs.cloud.google.com/memorystore/docs/valkey/manage-in-transit-encryption).
func certificates(ctx context.Context, client *memorystore.Client, instance *memorystorepb.Instance) ([]string, error) {
	var pems []string
	if instance.GetServerCaMode() == memorystorepb.Instance_GOOGLE_MANAGED_SHARED_CA {
		location := instancePattern.FindStringSubmatch(instance.GetName())
		if location == nil {
			return nil, errors.New("the API answered an instance without a name")
		}
		ca, err := client.GetSharedRegionalCertificateAuthority(ctx,
			&memorystorepb.GetSharedRegionalCertificateAuthorityRequest{Name: location[1] + "/sharedRegionalCertificateAuthority"})
		for _, chain := range ca.GetManagedServerCa().GetCaCerts() {
			pems = append(pems, chain.GetCertificates()...)
		}
		return pems, err
	}
	ca, err := client.GetCertificateAuthority(ctx,
		&memorystorepb.GetCertificateAuthorityRequest{Name: instance.GetName() + "/certificateAuthority"})
	for _, chain := range ca.GetManagedServerCa().GetCaCerts() {
		pems = append(pems, chain.GetCertificates()...)
	}
	return pems, err
}

// authorize returns the credentials that the instance's mode asks for.
func (d *dialer) authorize(instance *memorystorepb.Instance) (credentials, error) {
	mode := instance.GetAuthorizationMode()
	switch mode {
	case memorystorepb.Instance_AUTH_DISABLED:
		return nil, nil //nolint:nilnil // nil is go-redis's word for no authentication
	case memorystorepb.Instance_IAM_AUTH:
	default:
		return nil, fmt.Errorf("memorystore instance %s has the authorization mode %s, which is not used here: "+
			"make it with IAM_AUTH, or set REDIS_ADDR, REDIS_PASSWORD, REDIS_TLS and REDIS_CA_PEM instead", instance.GetName(), mode)
	}
	if instance.GetTransitEncryptionMode() != memorystorepb.Instance_SERVER_AUTHENTICATION {
		return nil, fmt.Errorf("memorystore instance %s does not encrypt: its credentials would travel in the clear", instance.GetName())
	}
	return d.accessTokens()
}

// accessTokens authenticates each new connection with a current access token.
// The provider caches and renews; a token lives one hour.
func (d *dialer) accessTokens() (credentials, error) {
	tokens := d.tokens
	if tokens == nil {
		found, err := gcpcredentials.DetectDefault(&gcpcredentials.DetectOptions{Scopes: []string{cloudPlatformScope}})
		if err != nil {
			return nil, fmt.Errorf("no Google credentials for Memorystore's IAM authentication: "+
				"run as a service account, or `gcloud auth application-default login`: %w", err)
		}
		tokens = found
	}
	return func(ctx context.Context) (string, string, error) {
		token, err := currentToken(ctx, tokens)
		return iamUser, token, err
	}, nil
}

func currentToken(ctx context.Context, tokens auth.TokenProvider) (string, error) {
	token, err := tokens.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("access token for Redis: %w", err)
	}
	if token.Value == "" {
		// Without a password go-redis would not authenticate at all.
		return "", errors.New("access token for Redis: the provider answered an empty one")
	}
	return token.Value, nil
}
