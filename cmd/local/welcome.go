package main

import (
	"fmt"
	"io"
	"strings"
)

// demo is printed once the server listens: each line can be pasted as it is.
const demo = `listening on BASE

organizations: acme (acme-pro: 3 seats of studio), globex (globex-team: 5 of studio, globex-lab: 5 of lab, 4 in all)

# 1. Ann's ID token, as Identity Platform would issue it
ANN=$(curl -s BASE/dev/token -d '{"user_id":"ann","organization_id":"acme"}' | sed 's/.*"id_token":"\([^"]*\)".*/\1/')

# 2. take a seat (201); run it again: the same session (200)
curl -s -w '\n%{http_code}\n' BASE/api/v1/licenses/acquire -H "Authorization: Bearer $ANN" -H 'Content-Type: application/json' -d '{"hardware_id":"hw-ann"}'
SESSION=$(curl -s BASE/api/v1/licenses/acquire -H "Authorization: Bearer $ANN" -H 'Content-Type: application/json' -d '{"hardware_id":"hw-ann"}' | sed 's/.*"session_id":"\([^"]*\)".*/\1/')

# 3. keep it (200)
curl -s -w '\n%{http_code}\n' -X PATCH BASE/api/v1/licenses/sessions/$SESSION/heartbeat -H "Authorization: Bearer $ANN"

# 4. two more machines take the other seats (201, 201), the fourth is refused (409, with Retry-After)
for n in 2 3; do curl -s -o /dev/null -w "hw-$n: %{http_code}\n" BASE/api/v1/licenses/acquire -H "Authorization: Bearer $ANN" -H 'Content-Type: application/json' -d '{"hardware_id":"hw-'$n'"}'; done
curl -si BASE/api/v1/licenses/acquire -H "Authorization: Bearer $ANN" -H 'Content-Type: application/json' -d '{"hardware_id":"hw-4"}'; echo

# 5. give the seat back (204), and the waiting machine gets it (201)
curl -s -o /dev/null -w '%{http_code}\n' -X DELETE BASE/api/v1/licenses/sessions/$SESSION -H "Authorization: Bearer $ANN"
curl -s -o /dev/null -w 'hw-4: %{http_code}\n' BASE/api/v1/licenses/acquire -H "Authorization: Bearer $ANN" -H 'Content-Type: application/json' -d '{"hardware_id":"hw-4"}'

# the keys that license tokens verify with, the API (for people: BASE/docs), and one run of the reaper
curl -s BASE/.well-known/jwks.json
curl -s BASE/openapi.json
curl -s -X POST BASE/dev/scheduler
`

// welcome prints where the server listens and how to try it.
func welcome(out io.Writer, base string) {
	_, _ = fmt.Fprint(out, strings.ReplaceAll(demo, "BASE", base))
}
