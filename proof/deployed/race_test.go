package deployed

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestRaceOfHolders: 32 holders ask all four instances for one of seven seats
// at the same moment, before any instance has counted this organization.
func TestRaceOfHolders(t *testing.T) {
	t.Parallel()
	const holders, instances, seats = 32, 4, 7
	c := newCloud(t)
	c.organization("acme", seats)
	var addresses []string
	for range instances {
		addresses = append(addresses, c.start("Acquire", patient()...).base)
	}
	race := newRace()
	for i := range holders {
		u := c.user(t, "user-"+strconv.Itoa(i), "acme")
		hardware := c.keep("hardware-of-" + strconv.Itoa(i))
		for _, address := range addresses {
			race.enter(u.client, address, u.token, hardware)
		}
	}
	race.run()
	if created := race.statuses[http.StatusCreated]; created != seats {
		t.Errorf("%d answers 201, want %d", created, seats)
	}
	if len(race.sessions) != seats || len(race.holders) != seats {
		t.Errorf("%d sessions for %d holders, want %d of each", len(race.sessions), len(race.holders), seats)
	}
	won := race.statuses[http.StatusCreated] + race.statuses[http.StatusOK]
	if refused := race.statuses[http.StatusConflict]; won+refused != holders*instances {
		t.Errorf("answers %v, want 201, 200 and 409 alone", race.statuses)
	}
	if recorded := c.active("acme"); recorded != seats {
		t.Errorf("%d sessions in the record, want %d", recorded, seats)
	}
}

// TestRaceOfProcesses: 256 machines in 32 client processes ask two instances
// for one of 20 seats.
func TestRaceOfProcesses(t *testing.T) {
	t.Parallel()
	const processes, machines, seats = 32, 8, 20
	c := newCloud(t)
	c.organization("acme", seats)
	addresses := []string{c.start("Acquire", patient()...).base, c.start("Acquire", patient()...).base}
	clients := make([]*clientProcess, processes)
	var ready sync.WaitGroup
	for i := range clients {
		order := clientOrder{Addresses: addresses, Token: c.idToken("user-"+strconv.Itoa(i), "acme")}
		for m := range machines {
			order.Hardware = append(order.Hardware, c.keep(fmt.Sprintf("hardware-%d-%d", i, m)))
		}
		clients[i] = startClient(t, order)
		ready.Go(clients[i].waitReady)
	}
	ready.Wait()
	for _, client := range clients {
		client.begin()
	}
	total := map[int]int{}
	for _, client := range clients {
		for status, n := range client.result() {
			total[status] += n
		}
	}
	if total[http.StatusCreated] != seats || total[http.StatusConflict] != processes*machines-seats {
		t.Errorf("answers %v, want %d of 201 and all others 409", total, seats)
	}
	if recorded := c.active("acme"); recorded != seats {
		t.Errorf("%d sessions in the record, want %d", recorded, seats)
	}
}

// race sends acquires from as many goroutines, all at once.
type race struct {
	start chan struct{}
	done  sync.WaitGroup

	mu       sync.Mutex
	statuses map[int]int // 0: no answer
	sessions map[string]bool
	holders  map[string]bool // by hardware
}

func newRace() *race {
	return &race{start: make(chan struct{}), statuses: map[int]int{}, sessions: map[string]bool{}, holders: map[string]bool{}}
}

func (r *race) enter(client *http.Client, address, token, hardware string) {
	r.done.Go(func() {
		<-r.start
		answer, err := call(client, http.MethodPost, address+api.PathAcquire, token, `{"hardware_id":"`+hardware+`"}`)
		if err != nil {
			answer.status = 0
		}
		r.note(answer)
	})
}

func (r *race) note(answer reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses[answer.status]++
	if answer.status == http.StatusCreated || answer.status == http.StatusOK {
		var s api.Session
		if json.Unmarshal(answer.body, &s) == nil {
			r.sessions[s.SessionID], r.holders[s.HardwareID] = true, true
		}
	}
}

func (r *race) run() {
	close(r.start)
	r.done.Wait()
}

// clientVariable makes this test binary a client instead: it reads its order
// from its input, says that it is ready, and begins at the next line.
const clientVariable = "DEPLOYED_TEST_CLIENT"

// clientOrder is what a client process does: one acquire per machine.
type clientOrder struct {
	Addresses, Hardware []string
	Token               string
}

func runClient(in io.Reader, out io.Writer) int {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var order clientOrder
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &order) != nil {
		return 1
	}
	race := newRace()
	client := &http.Client{Transport: &http.Transport{}, Timeout: callLimit}
	for i, hardware := range order.Hardware {
		race.enter(client, order.Addresses[i%len(order.Addresses)], order.Token, hardware)
	}
	_, _ = fmt.Fprintln(out, "ready")
	if !lines.Scan() {
		return 1
	}
	race.run()
	if json.NewEncoder(out).Encode(race.statuses) != nil {
		return 1
	}
	return 0
}

// clientProcess is a client as its starter sees it.
type clientProcess struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

func startClient(t *testing.T, order clientOrder) *clientProcess {
	t.Helper()
	p := &clientProcess{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0])}
	// go test -cover compiles this binary so that it asks for the folder.
	p.cmd.Env = []string{clientVariable + "=1", "PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + t.TempDir()}
	p.cmd.Stderr = os.Stderr
	p.in = must(p.cmd.StdinPipe())(t)
	p.out = bufio.NewReader(must(p.cmd.StdoutPipe())(t))
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.in.Close(), p.cmd.Wait() }) // with its input it ends
	if err := json.NewEncoder(p.in).Encode(order); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *clientProcess) waitReady() {
	if line, err := p.out.ReadString('\n'); strings.TrimSpace(line) != "ready" {
		p.t.Errorf("a client said %q (%v)", line, err)
	}
}

func (p *clientProcess) begin() { _, _ = io.WriteString(p.in, "go\n") }

// result is how many answers of each status the client got.
func (p *clientProcess) result() map[int]int {
	var statuses map[int]int
	if err := json.NewDecoder(p.out).Decode(&statuses); err != nil {
		p.t.Errorf("a client gave no result: %v", err)
	}
	return statuses
}
