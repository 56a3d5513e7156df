package fakememorystore

import (
	"testing"

	memorystore "cloud.google.com/go/memorystore/apiv1"
	"cloud.google.com/go/memorystore/apiv1/memorystorepb"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	location = "projects/p/locations/l"
	instance = location + "/instances/i"
)

func connect(t *testing.T) (*Server, *memorystore.Client) {
	t.Helper()
	server := Start()
	t.Cleanup(server.Close)
	client, err := memorystore.NewClient(t.Context(), server.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

func TestTheRealClientReadsWhatWasPut(t *testing.T) {
	server, client := connect(t)
	put := &memorystorepb.Instance{Name: instance, State: memorystorepb.Instance_ACTIVE}
	server.PutInstance(put)
	put.State = memorystorepb.Instance_DELETING // the server has a copy
	got, err := client.GetInstance(t.Context(), &memorystorepb.GetInstanceRequest{Name: instance})
	if err != nil || got.GetState() != memorystorepb.Instance_ACTIVE {
		t.Errorf("instance = %v, %v", got, err)
	}
	server.PutCertificateAuthority(instance, []string{"leaf", "root"}, []string{"next"})
	ca, err := client.GetCertificateAuthority(t.Context(),
		&memorystorepb.GetCertificateAuthorityRequest{Name: instance + "/certificateAuthority"})
	if err != nil {
		t.Fatal(err)
	}
	if chains := ca.GetManagedServerCa().GetCaCerts(); len(chains) != 2 || chains[0].GetCertificates()[1] != "root" {
		t.Errorf("chains = %v", chains)
	}
	server.PutSharedCertificateAuthority(location, []string{"shared"})
	shared, err := client.GetSharedRegionalCertificateAuthority(t.Context(),
		&memorystorepb.GetSharedRegionalCertificateAuthorityRequest{Name: location + "/sharedRegionalCertificateAuthority"})
	if err != nil {
		t.Fatal(err)
	}
	if chains := shared.GetManagedServerCa().GetCaCerts(); len(chains) != 1 || chains[0].GetCertificates()[0] != "shared" {
		t.Errorf("shared chains = %v", chains)
	}
}

func TestWhatIsNotThereAndWhatIsNotServed(t *testing.T) {
	_, client := connect(t)
	_, err := client.GetInstance(t.Context(), &memorystorepb.GetInstanceRequest{Name: instance})
	if status.Code(err) != codes.NotFound {
		t.Errorf("unknown instance: %v", err)
	}
	_, err = client.ListInstances(t.Context(), &memorystorepb.ListInstancesRequest{Parent: location}).Next()
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("a call that is not served: %v", err)
	}
}

func TestFailUntilTold(t *testing.T) {
	server, client := connect(t)
	server.PutInstance(&memorystorepb.Instance{Name: instance})
	request := &memorystorepb.GetInstanceRequest{Name: instance}
	server.Fail(status.Error(codes.PermissionDenied, "no"))
	if _, err := client.GetInstance(t.Context(), request); status.Code(err) != codes.PermissionDenied {
		t.Errorf("error = %v", err)
	}
	server.Fail(nil)
	if _, err := client.GetInstance(t.Context(), request); err != nil {
		t.Errorf("after Fail(nil): %v", err)
	}
}
