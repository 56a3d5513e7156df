package record_test

import (
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.Main(m))
}

func TestMemoryKeepsTheContract(t *testing.T) {
	recordtest.Run(t, func(*testing.T) record.Record { return record.NewMemory() })
}

func TestFirestoreKeepsTheContract(t *testing.T) {
	recordtest.Run(t, func(t *testing.T) record.Record { return emulated(t) })
}

func TestMemoryKeepsTheContractOfAdministration(t *testing.T) {
	recordtest.RunAdministration(t, func(*testing.T) recordtest.Administered { return record.NewMemory() })
}

func TestFirestoreKeepsTheContractOfAdministration(t *testing.T) {
	recordtest.RunAdministration(t, func(t *testing.T) recordtest.Administered { return emulated(t) })
}

// emulated is the record in a fresh project of the emulator.
func emulated(t *testing.T) *record.Firestore {
	t.Helper()
	client, err := record.Dial(t.Context(), record.Target{Emulator: servers.Firestore(t), ProjectID: freshProject()})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, client)
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
}

// freshProject keeps tests apart on the emulator they share.
func freshProject() string { return "t-" + uuid.NewString() }

func closeAfter(t *testing.T, client *firestore.Client) {
	t.Helper()
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
}

// dial makes a client of a fresh project with further options in its
// connection, inside of WatchCommits.
func dial(t *testing.T, options ...grpc.DialOption) *firestore.Client {
	t.Helper()
	conn, err := record.DialEmulator(servers.Firestore(t), options...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := firestore.NewClient(t.Context(), freshProject(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, client)
	return client
}
