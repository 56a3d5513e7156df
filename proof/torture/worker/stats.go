package worker

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

// PathStats answers with [Stats].
const PathStats = "/stats"

// Stats is what a worker has in use.
type Stats struct {
	// InHand are the requests it is working on, also those whose client has gone.
	InHand     int
	Goroutines int
	// MemoryKiB is resident, Connections are TCP connections to Redis; both 0 where
	// /proc does not tell.
	MemoryKiB, Connections int
}

func withStats(redis string, service http.Handler) http.Handler {
	mux := http.NewServeMux()
	var inHand atomic.Int64
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		inHand.Add(1)
		defer inHand.Add(-1)
		service.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET "+PathStats, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(Stats{int(inHand.Load()), runtime.NumGoroutine(), resident(), connections(redis)})
	})
	return mux
}

// resident reads the process's memory (proc(5), VmRSS).
func resident() int {
	kib := 0
	eachLine("/proc/self/status", func(fields []string) {
		if fields[0] == "VmRSS:" && len(fields) > 1 {
			kib, _ = strconv.Atoi(fields[1])
		}
	})
	return kib
}

// connections counts those to the port of addr, whatever their state but closed
// (proc(5), /proc/net/tcp: the remote address is the third field, in hexadecimal).
func connections(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	suffix := strings.ToUpper(":" + hex4(number))
	n := 0
	eachLine("/proc/self/net/tcp", func(fields []string) {
		const timeWait = "06"
		if len(fields) > 3 && strings.HasSuffix(fields[2], suffix) && fields[3] != timeWait {
			n++
		}
	})
	return n
}

func hex4(n int) string {
	s := strconv.FormatInt(int64(n), 16)
	return strings.Repeat("0", max(0, 4-len(s))) + s
}

func eachLine(path string, do func(fields []string)) {
	file, err := os.Open(path) //nolint:gosec // two constants of this file
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 0 {
			do(fields)
		}
	}
}
