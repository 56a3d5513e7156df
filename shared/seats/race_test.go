package seats_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// racerVariable tells a process that TestManyProcessesShareOneCap started it,
// and where the servers are: Redis, prefix, Firestore, project, its number.
const racerVariable = "SEATS_TEST_RACER"

// The racers are 256 holders, on 32 instances or, where each is slow to start, on eight.
const (
	racedSeats = 50
	raced      = 256
)

func racers() int {
	if raceDetector {
		return 8
	}
	return 32
}

// TestManyGoroutinesShareOneCap races 32 instances in one process for the last
// seats of a license, on one server and on a cluster.
func TestManyGoroutinesShareOneCap(t *testing.T) {
	for name, addresses := range map[string]func(testing.TB) []string{
		"redis-server": func(t testing.TB) []string { return []string{servers.SharedRedis(t)} },
		"cluster":      servers.RedisCluster,
	} {
		t.Run(name, func(t *testing.T) {
			c, prefix := ledgertest.Client(t, addresses(t)...), "t"+uuid.NewString()
			record := record.NewMemory()
			var wg sync.WaitGroup
			tallies := make([]tally, 32)
			for i := range tallies {
				p := realPool(t, ledgertest.NewRedis(t, c, prefix, sessionTTL, tokenTTL), record)
				wg.Go(func() { tallies[i] = race(t.Context(), p, fmt.Sprint("r", i), 4, 10) })
			}
			wg.Wait()
			sum := add(tallies...)
			if sum.granted != 10 || sum.refused != 32*4-10 || sum.failed != 0 {
				t.Errorf("%+v, want 10 granted and %d refused", sum, 32*4-10)
			}
			if n, err := record.CountActive(t.Context(), license.ServiceCaller(acme)); n != 10 || err != nil {
				t.Errorf("%d recorded active, %v", n, err)
			}
		})
	}
}

func realPool(t testing.TB, l ledger.Ledger, record record.Record) *seats.Protocol {
	t.Helper()
	p, err := seats.New(l, record, seats.Options{SessionTTL: sessionTTL, CompensationDeadline: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type tally struct{ granted, refused, failed int }

func add(all ...tally) (sum tally) {
	for _, t := range all {
		sum = tally{sum.granted + t.granted, sum.refused + t.refused, sum.failed + t.failed}
	}
	return sum
}

// race lets n holders of one instance try at once. A holder whose try fails for
// a reason that passes tries again, as the client library does.
func race(ctx context.Context, p *seats.Protocol, name string, n, limit int) tally {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	results := make(chan tally, n)
	for i := range n {
		go func() { results <- tryAcquire(ctx, p, fmt.Sprint(name, "-", i), limit) }()
	}
	var sum tally
	for range n {
		sum = add(sum, <-results)
	}
	return sum
}

func tryAcquire(ctx context.Context, p *seats.Protocol, userID string, limit int) tally {
	for {
		_, err := p.Acquire(ctx, user(userID), request(userID, limit), signed)
		var full *license.NoSeatsError
		var down *license.UnavailableError
		switch {
		case err == nil:
			return tally{granted: 1}
		case errors.As(err, &full):
			return tally{refused: 1}
		case !errors.As(err, &down) || ctx.Err() != nil:
			return tally{failed: 1}
		}
	}
}

// TestManyProcessesShareOneCap runs this test binary many times over, each with
// its part of the holders, against one Redis and one Firestore: exactly the cap is granted.
func TestManyProcessesShareOneCap(t *testing.T) {
	if at := os.Getenv(racerVariable); at != "" {
		beRacer(t, strings.Split(at, " "))
		return
	}
	redisAddr, firestoreAddr := servers.SharedRedis(t), servers.Firestore(t)
	prefix, project := "t"+uuid.NewString(), "t-"+uuid.NewString()
	// The first seat makes the epoch; the emulator is slow when all race for that.
	record := emulated(t, firestoreAddr, project)
	first := realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, redisAddr), prefix, sessionTTL, tokenTTL), record)
	if got := race(t.Context(), first, "first", 1, racedSeats); got.granted != 1 {
		t.Fatalf("the first seat: %+v", got)
	}
	sum := add(runRacers(t, redisAddr, prefix, firestoreAddr, project)...)
	if sum.granted != racedSeats-1 || sum.refused != raced-racedSeats+1 || sum.failed != 0 {
		t.Errorf("%+v of %d holders, want %d granted", sum, raced, racedSeats-1)
	}
	if n, err := record.CountActive(t.Context(), license.ServiceCaller(acme)); n != racedSeats || err != nil {
		t.Errorf("%d recorded active, %v, want %d", n, err, racedSeats)
	}
}

func emulated(t *testing.T, addr, project string) *record.Firestore {
	t.Helper()
	c, err := record.Dial(t.Context(), record.Target{ProjectID: project, Emulator: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return record.NewFirestore(c, record.FirestoreOptions{})
}

// runRacers starts the processes, waits until all are ready, and lets them go.
func runRacers(t *testing.T, at ...string) []tally {
	t.Helper()
	type racer struct {
		cmd    *exec.Cmd
		starts io.WriteCloser
		output io.Reader
	}
	all := make([]racer, racers())
	for i := range all {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), racerVariable+"="+strings.Join(append(at, strconv.Itoa(i)), " "))
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		all[i] = racer{cmd, in, out}
	}
	for _, r := range all {
		awaitLine(t, r.output, "racer ready")
	}
	for _, r := range all {
		_ = r.starts.Close()
	}
	tallies := make([]tally, racers())
	for i, r := range all {
		text, _ := io.ReadAll(r.output)
		_ = r.cmd.Wait()
		_, result, _ := strings.Cut(string(text), "racer result ")
		if _, err := fmt.Sscan(result, &tallies[i].granted, &tallies[i].refused, &tallies[i].failed); err != nil {
			t.Errorf("racer %d: %v\n%s", i, err, text)
		}
	}
	return tallies
}

// awaitLine reads byte by byte: what follows is read by somebody else.
func awaitLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	var text strings.Builder
	var b [1]byte
	for !strings.Contains(text.String(), want) {
		if _, err := r.Read(b[:]); err != nil {
			t.Fatalf("a racer ended: %v\n%s", err, text.String())
		}
		text.Write(b[:])
	}
}

// beRacer is what each of the processes does.
func beRacer(t *testing.T, at []string) {
	record := emulated(t, at[2], at[3])
	p := realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, at[0]), at[1], sessionTTL, tokenTTL), record)
	fmt.Println("racer ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until all are ready
	got := race(t.Context(), p, "p"+at[4], raced/racers(), racedSeats)
	fmt.Println("racer result", got.granted, got.refused, got.failed)
}
