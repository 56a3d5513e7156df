package store_test

import (
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/store"
	"github.com/coditect-ai/coditect-licenses/shared/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.Main(m))
}

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Record { return store.NewMemory() })
}

func TestFirestoreKeepsTheContract(t *testing.T) {
	target := store.Target{Emulator: servers.Firestore(t)}
	storetest.Run(t, func(t *testing.T) store.Record {
		target := target
		target.ProjectID = freshProject()
		client, err := store.Dial(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		closeAfter(t, client)
		return store.NewFirestore(client, store.FirestoreOptions{Deadline: time.Minute})
	})
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
	conn, err := store.DialEmulator(servers.Firestore(t), options...)
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
