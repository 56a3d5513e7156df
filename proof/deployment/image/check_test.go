package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// fakeDocker runs the program in place of a container. What is called redis:6379
// on Cloud Build's network is called by its real address, and
// http://image-…:8080 leads to the process (the .curlrc of checkImage).
const fakeDocker = `#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$STATE/calls"
case $1 in
run)
	shift
	name= environment=()
	while [ $# -gt 0 ]; do
		case $1 in
		--network) [ "$2" = cloudbuild ]; shift 2 ;;
		--name) name=$2; shift 2 ;;
		--env) environment+=("$2"); shift 2 ;;
		--detach | --rm) shift ;;
		*) break ;;
		esac
	done
	[ "$1" = built:1 ]
	environment=("${environment[@]/redis:6379/$REDIS}")
	environment+=("GOOGLE_APPLICATION_CREDENTIALS=$STATE/account.json" HTTPS_PROXY=http://127.0.0.1:1)
	[ -n "$name" ] || exec env -i "${environment[@]}" PORT=0 "$PROGRAM"
	port=$(cat "$STATE/$name.port")
	env -i "${environment[@]}" PORT="$port" "$PROGRAM" >"$STATE/$name.log" 2>&1 &
	echo $! >"$STATE/$name.pid"
	;;
logs) cat "$STATE/$2.log" ;;
*) exit 2 ;;
esac
`

// checkImage runs check-image.sh on a program that is run as the image would be.
func checkImage(t *testing.T, program string) {
	t.Helper()
	state, bin := t.TempDir(), t.TempDir()
	deploytest.Program(t, filepath.Join(bin, "docker"), fakeDocker)
	// A client can be made of it; nobody is called with it.
	deploytest.Program(t, filepath.Join(state, "account.json"), `{"type":"authorized_user","client_id":"x","client_secret":"x","refresh_token":"x"}`)
	var curl strings.Builder
	for _, f := range deploytest.Functions() {
		port := strconv.Itoa(servers.FreePort(t))
		if err := os.WriteFile(filepath.Join(state, "image-"+f+".port"), []byte(port), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&curl, "connect-to = \"image-%s:8080:127.0.0.1:%s\"\n", f, port)
	}
	if err := os.WriteFile(filepath.Join(bin, ".curlrc"), []byte(curl.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endProcesses(t, state) })
	redis := servers.Redis(t)
	run := func(program string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // it starts nine programs one by one
		defer cancel()
		cmd := exec.CommandContext(ctx, deploytest.Path(t, "scripts/release/check-image.sh"), "built:1")
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CURL_HOME="+bin, "STATE="+state,
			"PROGRAM="+program, "REDIS="+redis.Addr())
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(program); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// An image of another program.
	other := filepath.Join(bin, "other")
	deploytest.Program(t, other, "#!/bin/sh\necho hello\n")
	if out, err := run(other); err == nil || !strings.Contains(out, "starts without a configuration") {
		t.Errorf("%v\n%s", err, out)
	}
}

// endProcesses ends what the fake docker started, each by its id.
func endProcesses(t *testing.T, state string) {
	t.Helper()
	for _, f := range deploytest.Functions() {
		for _, line := range deploytest.Lines(t, filepath.Join(state, "image-"+f+".pid")) {
			pid, err := strconv.Atoi(line)
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			if process, err := os.FindProcess(pid); err == nil {
				_ = process.Kill() // gone is what it should be
			}
		}
	}
}
